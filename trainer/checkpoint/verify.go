package checkpoint

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Listed is what lies in a folder of checkpoints: those of its run, and of one
// that is to replace it now or when it is complete.
type Listed struct {
	Whole      []*Checkpoint // those whose state.json can be read, oldest first
	Damaged    []*Damaged    // those whose state.json cannot
	Unfinished []string      // paths of those without one
}

// List finds all checkpoints of folder; an absent folder has none.
func List(folder string) (*Listed, error) {
	l := &Listed{}
	for _, run := range []string{folder, filepath.Join(folder, nextFolder), filepath.Join(folder, arrivingFolder), filepath.Join(folder, AnewFolder)} {
		for _, pattern := range []*regexp.Regexp{stepName, bestName} {
			found, err := names(run, pattern)
			if err != nil {
				return nil, err
			}
			for _, name := range found {
				l.add(filepath.Join(run, name))
			}
		}
	}
	return l, nil
}

func (l *Listed) add(path string) {
	if !complete(path) {
		l.Unfinished = append(l.Unfinished, path)
		return
	}
	c, err := open(path)
	if err == nil {
		l.Whole = append(l.Whole, c)
		return
	}
	damaged, ok := err.(*Damaged)
	if !ok {
		damaged = &Damaged{filepath.Join(path, stateName), err.Error()}
	}
	l.Damaged = append(l.Damaged, damaged)
}

// IsBest tells whether the checkpoint is one that best leads to, from which no
// run goes on.
func (c *Checkpoint) IsBest() bool { return bestName.MatchString(filepath.Base(c.Path)) }

// IsBeside tells whether the checkpoint is of a run that takes the place of the other
// when it is complete.
func (c *Checkpoint) IsBeside() bool { return filepath.Base(filepath.Dir(c.Path)) == AnewFolder }

// Verify holds each file that state.json names against its length and hash, a little at
// a time, and returns all that differ.
func (c *Checkpoint) Verify() []*Damaged {
	var faults []*Damaged
	for _, name := range []string{WeightsName, VocabularyName} {
		if _, named := c.State.Files[name]; !named {
			faults = append(faults, &Damaged{filepath.Join(c.Path, stateName), "it does not name " + name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.State.Files)) {
		path := filepath.Join(c.Path, name)
		if cause := c.State.Files[name].differs(path); cause != "" {
			faults = append(faults, &Damaged{path, cause})
		}
	}
	return faults
}

// differs says in what the file at path is not as state.json has it; "" for
// nothing.
func (f File) differs(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	hash := xxhash.New()
	n, err := io.Copy(hash, file)
	switch sum := fmt.Sprintf("%016x", hash.Sum64()); {
	case err != nil:
		return err.Error()
	case n != f.Bytes:
		return fmt.Sprintf("it has %d bytes, but state.json says %d", n, f.Bytes)
	case sum != f.XXH64:
		return fmt.Sprintf("its checksum is %s, but state.json says %s", sum, f.XXH64)
	}
	return ""
}
