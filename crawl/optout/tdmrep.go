package optout

import (
	"bytes"
	"encoding/json"
	"strings"
)

// TDMRepPath is where a site keeps its reservations (RFC 8615).
const TDMRepPath = "/.well-known/tdmrep.json"

// Reservations are what tdmrep.json says of a site's paths (TDM Reservation
// Protocol). The zero value reserves nothing.
type Reservations struct {
	entries []reserved
}

type reserved struct {
	pattern  Pattern
	reserved bool
	value    string // for people
}

// ParseTDMRep reads a tdmrep.json: a list of locations, each reserved or not.
// Entries that make no sense are passed over; where it is no JSON it ends.
func ParseTDMRep(file []byte) Reservations {
	file = bytes.TrimPrefix(bytes.TrimSpace(file), []byte("\xef\xbb\xbf"))
	list := json.NewDecoder(bytes.NewReader(file))
	if !bytes.HasPrefix(file, []byte("{")) { // else it is one entry without its list
		if t, err := list.Token(); err != nil || t != json.Delim('[') {
			return Reservations{}
		}
	}
	var r Reservations
	for list.More() {
		var raw json.RawMessage
		if list.Decode(&raw) != nil {
			break
		}
		var e struct {
			Location    string `json:"location"`
			Reservation any    `json:"tdm-reservation"`
			Policy      any    `json:"tdm-policy"`
		}
		if json.Unmarshal(raw, &e) != nil || e.Location == "" {
			continue
		}
		var yes bool
		switch answer := e.Reservation; answer {
		case 1.0, "1", true:
			yes = true
		case 0.0, "0", false:
		default:
			continue
		}
		policy, _ := e.Policy.(string)
		location := e.Location
		if !strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "*") {
			location = "/" + location
		}
		r.entries = append(r.entries, reserved{NewPattern(location), yes, "location " + oneLine(e.Location) + ": " + reservation(policy)})
	}
	return r
}

// Wishes are those that hold for a path with its query, as in the request line:
// of the entries that match the first one decides. Headers of a response go
// before them: see ReservationStated.
func (r Reservations) Wishes(path string) Wishes {
	if len(r.entries) == 0 {
		return nil
	}
	path = NormalPath(path)
	for _, e := range r.entries {
		if !e.pattern.Matches(path) {
			continue
		}
		if !e.reserved {
			return nil
		}
		return Wishes{{Word: TDMReservation, Source: FromTDMRep, Value: e.value}}
	}
	return nil
}
