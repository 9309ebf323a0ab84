package pipeline

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/places"
)

// Pictures that lists brought along, on their way through fetching.

// appendAddress appends a picture's URL, behind its length, and its place, which is ""
// for one that is asked for at the URL.
func appendAddress(b []byte, url, place string) []byte {
	b = binary.AppendUvarint(b, uint64(len(url)))
	return append(append(b, url...), place...)
}

// addPlace gives an address the place if it has none: of a picture that several pairs
// point at, the first that names one counts.
func addPlace(address []byte, place string) []byte {
	if place != "" && !hasPlace(address) {
		return append(address, place...)
	}
	return address
}

func hasPlace(address []byte) bool {
	n, size := binary.Uvarint(address)
	return len(address) > size+int(n)
}

// request asks for the picture of an address.
func request(id uint64, address []byte) fetch.Request {
	n, size := binary.Uvarint(address)
	address = address[size:]
	return fetch.Request{ImageID: id, URL: string(address[:n]), Place: string(address[n:])}
}

// needs notes whether a request for the address goes to a server.
func (w *fetching) needs(address []byte) { w.network = w.network || !hasPlace(address) }

// openGate opens the door to the network. Where every picture is read where it lies
// there need not be one, so that nobody must say who answers for requests.
func (w *fetching) openGate() (g *gate.Gate, closeGate func(), err error) {
	if g, err = gate.New(w.Gate, w.Version); err == nil {
		return g, func() { g.Close() }, nil
	}
	if w.network {
		return nil, nil, &ConfigurationError{err}
	}
	return nil, func() {}, nil
}

// importAdvice is for files of lists that are not as they were imported.
var importAdvice = places.Advice{
	Gone:    "put it back and run pairloom fetch --retry, or import the list again from where it is now",
	Changed: "import the list again, then run pairloom fetch --retry",
	Limit:   "gate.max_picture_bytes",
}

// readBy reads pictures for [fetch.Fetcher.ReadBy].
func readBy(pictures *places.Pictures) fetch.ReadPicture {
	return func(place string, body *bytes.Buffer) (status, detail string, err error) {
		switch err := pictures.Read(place, body); {
		case err == nil:
			return "", "", nil
		case errors.Is(err, places.ErrGone):
			return fetch.PictureGone, gate.OneLine(err.Error()), nil
		case errors.Is(err, places.ErrChanged):
			return fetch.PictureChanged, gate.OneLine(err.Error()), nil
		case errors.Is(err, places.ErrTooLarge):
			return gate.TooLarge, gate.OneLine(err.Error()), nil
		default:
			return fetch.PictureUnreadable, gate.OneLine(err.Error()), nil
		}
	}
}
