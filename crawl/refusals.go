package crawl

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// Refusals say what must not be in the dataset. The zero value refuses nothing.
type Refusals struct {
	// Address tells whether an address is refused, and by which rule: it is never asked for,
	// and of a page that was read what it said is forgotten.
	Address func(address string) (rule string, refused bool)
	// Candidate tells whether a candidate is: it is not among those that are written.
	Candidate func(*shard.Candidate) bool
	// Entries are fingerprints of what decides, for a run to see what changed. Each that is
	// gone may let pages back in, which are asked for again.
	Entries []uint64
}

// setting is what the frontier remembers of the refusals.
func (r *Refusals) setting() string {
	var words []string
	for _, e := range r.Entries {
		words = append(words, fmt.Sprintf("%016x", e))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// apply holds what is known against refusals that changed.
func (r *Refusals) apply(f *frontier.Frontier) error {
	return changed(f, "refusals", r.setting(), func(old string) error {
		now := map[string]bool{}
		for word := range strings.FieldsSeq(r.setting()) {
			now[word] = true
		}
		fewer := false
		for word := range strings.FieldsSeq(old) {
			fewer = fewer || !now[word]
		}
		return f.Refuse(gate.Refused, r.Address, r.Candidate, fewer)
	})
}

// Forget brings the frontier of dir in line with the refusals, without a request, so that
// the file has no trace of what was forgotten, and has the candidates that are left written. Without a frontier it does nothing.
func Forget(dir string, now int64, r Refusals, write func(*shard.Tally, iter.Seq2[shard.Candidate, error]) error) error {
	if _, err := os.Stat(File(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f, resumed, err := frontier.Open(File(dir), now)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.apply(f); err != nil {
		return err
	}
	if err := f.Overwrite(gate.Refused); err != nil {
		return err
	}
	result, err := (&crawler{frontier: f}).result("")
	if err == nil {
		err = write(result.Tally, f.Candidates())
	}
	if err != nil {
		return err
	}
	if resumed { // a crawl that was stopped goes on with its budget
		return nil
	}
	return f.FinishRun(now)
}
