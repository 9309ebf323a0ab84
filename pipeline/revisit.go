package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
)

// What the answer means of a picture that is asked for again (see again.go), and how a
// run learns without looking at the pictures whether some are due.

// tries is how often asking for the picture failed in a row; versions without that
// column tell by the status alone.
func tries(i *shard.Image) int32 {
	if i.Tries == 0 && fetch.Transient(i.Status) {
		return 1
	}
	return i.Tries
}

// passing tells whether an answer says nothing of the picture of which old is a copy:
// the server was not heard, not understood, or is broken, or our decoder failed on the
// very bytes that it once decoded. Any other word of the server counts, and that it may
// not be asked.
func passing(old, answer *shard.Image) bool {
	switch answer.Status {
	case gate.TLS, gate.BadResponse, gate.BadEncoding, gate.BadRedirect, gate.RedirectLoop, "http_304":
		return true
	case picture.ReasonDecoderDied, picture.ReasonDecoderTimeout:
		return answer.PictureHash == old.PictureHash
	}
	return fetch.Transient(answer.Status) || strings.HasPrefix(answer.Status, "http_5")
}

// onCondition makes r, which asks for a picture again, conditional: of a copy that is stored as it would be today
// it is enough to hear that it still holds.
func (f *Fetch) onCondition(r fetch.Request, old *shard.Image, foreign bool) fetch.Request {
	if old.Status == "" && old.Setting == "" && !foreign && !fetch.Reconsider(old, f.Gate) {
		r.ETag, r.LastModified = old.ETag, old.LastModified
	}
	return r
}

// settle decides between the row at hand and the answer of today. It gives the row
// that counts from now on, and whether it is another than old but for when it was
// asked for.
func settle(old, answer *shard.Image, foreign bool) (row shard.Image, replaced bool) {
	row = *old
	row.FetchTime, row.Tries = answer.FetchTime, 0
	switch {
	case fetch.Unchanged(answer):
		// Few servers send all headers along, so that the wishes stay those of the
		// whole answer.
	case answer.Status == "" && old.Status == "" && !foreign && old.Setting == "" && answer.PictureHash == old.PictureHash &&
		answer.OptOut == old.OptOut: // where a wish stands may change with each line of a robots.txt
	case fetch.Transient(answer.Status) && (old.Status == "" || old.Setting == ""), old.Status == "" && passing(old, answer):
		// The copy at hand is better than none, and what was said once than silence,
		// but for a setting's word that no longer counts.
		row.Tries = tries(old) + 1
		return row, false
	case answer.Status != "" && answer.Status == old.Status && answer.Setting == old.Setting && answer.OptOut == old.OptOut:
	default:
		return *answer, true
	}
	if answer.ETag != "" || answer.LastModified != "" {
		row.ETag, row.LastModified = answer.ETag, answer.LastModified
	}
	return row, false
}

// calendarName is the file in the images folder from which a run learns, without
// looking at the pictures, whether some are due. It is not named in the manifest:
// that a picture was asked for again in vain makes the folder no other.
const calendarName = "due.json"

// calendar counts the pictures of the matched pairs by when they are due. Hours are
// those since 1970, begun ones full.
type calendar struct {
	Asked   map[int64]int64 `json:"asked"`   // hour of being asked for -> pictures
	Gone    map[int64]int64 `json:"gone"`    // the same of those that are gone for good
	Failed  map[int64]int64 `json:"failed"`  // hour in which those are due that failed for a passing reason
	Refused []refused       `json:"refused"` // what the settings decided on
	Largest int64           `json:"largest"` // original bytes of the largest that is stored
	Named   string          `json:"named"`   // hash of the candidates that pictures were held against
	Full    int64           `json:"full"`    // pictures that were not asked for, since queries were full
	By      string          `json:"by"`      // hash of the settings by which they were
	// Refusals is the fingerprint of the refusal list that was obeyed.
	Refusals string          `json:"refusals,omitempty"`
	kinds    map[refused]int // place in Refused
}

// refused counts pictures by what [fetch.Reconsider] reads of them.
type refused struct {
	Status   string `json:"status"`
	Setting  string `json:"setting"`
	OptOut   string `json:"opt_out"`
	Pictures int64  `json:"pictures"`
}

func newCalendar() *calendar {
	return &calendar{Asked: map[int64]int64{}, Gone: map[int64]int64{}, Failed: map[int64]int64{}, Refused: []refused{}, kinds: map[refused]int{}}
}

func hour(t time.Time) int64 { return (t.Unix() + 3599) / 3600 }

func (c *calendar) add(i *shard.Image, o FetchOptions) {
	if i.Status == ReasonRefused && tries(i) == 0 { // nobody asks while the list says so
		return
	}
	asked := time.Unix(i.FetchTime, 0)
	if n := tries(i); n > 0 {
		after, _ := o.again(i.Status, n)
		c.Failed[hour(asked.Add(after))]++
		return
	}
	switch {
	case i.Status == "http_410":
		c.Gone[hour(asked)]++
	case !fetch.Local(i):
		c.Asked[hour(asked)]++
	}
	if i.Status == "" {
		c.Largest = max(c.Largest, i.OriginalBytes)
	}
	if i.Setting == "" && i.OptOut == "" && (i.Status == "" || i.Status == fetch.OptOut) {
		return
	}
	kind := refused{Status: i.Status, Setting: i.Setting, OptOut: i.OptOut}
	at, ok := c.kinds[kind]
	if !ok {
		if fetch.Setting(i, gate.Options{}) == "" && i.Status != "" && i.Status != fetch.OptOut {
			return // no setting decides on it
		}
		at = len(c.Refused)
		own := kind
		for _, s := range []*string{&own.Status, &own.Setting, &own.OptOut} {
			*s = string([]byte(*s)) // rows do not outlive their step
		}
		c.kinds[own] = at
		c.Refused = append(c.Refused, own)
	}
	c.Refused[at].Pictures++
}

// due counts the pictures that are due.
func (c *calendar) due(o FetchOptions, g gate.Options, now time.Time) (n int64) {
	for status, asked := range map[string]map[int64]int64{"": c.Asked, "http_410": c.Gone} {
		after, ever := o.again(status, 0)
		for at, pictures := range asked {
			if ever && !now.Before(time.Unix(at*3600, 0).Add(after)) {
				n += pictures
			}
		}
	}
	for at, pictures := range c.Failed {
		if o.Retry || now.Unix() >= at*3600 {
			n += pictures
		}
	}
	for _, r := range c.Refused {
		if fetch.Reconsider(&shard.Image{Status: r.Status, Setting: r.Setting, OptOut: r.OptOut}, g) {
			n += r.Pictures
		}
	}
	if fetch.Reconsider(&shard.Image{OriginalBytes: c.Largest}, g) {
		n++
	}
	return n
}

// stopped says for [Stage.Stopped] how many pictures are in hand.
func (f Fetch) stopped() (string, error) {
	folder := filepath.Join(f.Dir, shard.ImagesFolder)
	names, err := handFiles(folder)
	if err != nil || names == nil {
		return "", err
	}
	n := 0
	for _, name := range names {
		r, err := shard.OpenFile[shard.Image](filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		n += r.Len()
		r.Close()
	}
	return fmt.Sprintf("stopped with %s pictures in hand beside the parts; run again to go on", Grouped(int64(n))), nil
}

// dueNow says for [Stage.Due] whether a run would ask for pictures again.
func (f Fetch) dueNow() (string, error) {
	folder := filepath.Join(f.Dir, shard.ImagesFolder)
	if names, err := handFiles(folder); err != nil || names != nil {
		return "the last run was stopped", err
	}
	c, err := readCalendar(folder)
	if noCalendar(err) {
		return "it is not known which pictures are due", nil
	}
	if err != nil {
		return "", err
	}
	list, err := Refusals(f.Dir)
	if err != nil {
		return "", err
	}
	if list.Sum(pictureKinds...) != c.Refusals {
		return RefusedName + " changed", nil
	}
	if n := c.due(f.Options, f.Gate, f.Now()); n > 0 {
		return fmt.Sprintf("%s pictures are due", Grouped(n)), nil
	}
	if c.Full > 0 && c.By != f.picking() {
		return "by other settings queries that were full may need more pictures", nil
	}
	return "", nil
}

func readCalendar(folder string) (*calendar, error) {
	path := filepath.Join(folder, calendarName)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := newCalendar()
	if err := json.Unmarshal(data, c); err != nil {
		return nil, &shard.DamagedPart{Path: path, Cause: err.Error(), Cure: "run pairloom fetch, which makes it anew"}
	}
	return c, nil
}

// noCalendar tells whether the error of readCalendar is that there is none, or a damaged
// one, which a run makes anew from the pictures.
func noCalendar(err error) bool {
	var damaged *shard.DamagedPart
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &damaged)
}

func (c *calendar) write(folder string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(folder, calendarName), append(data, '\n'))
}
