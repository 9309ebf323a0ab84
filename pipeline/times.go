package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard/stats"
)

// TimesName is the file of a dataset's folder that says how long its stages took. It
// lies beside the folders of the stages: what these hold is the same however long it
// took.
const TimesName = "times.json"

// errNewerTimes marks a file that a newer pairloom wrote.
var errNewerTimes = errors.New("a newer pairloom wrote it")

// readTimes is nil where no stage has run.
func readTimes(dir string) (*stats.Times, error) {
	path := filepath.Join(dir, TimesName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	t := &stats.Times{}
	if err == nil {
		err = json.Unmarshal(text, t)
	}
	if err == nil && t.SchemaVersion > stats.TimesVersion {
		return nil, fmt.Errorf("read %s: %w: version %d, but this one reads versions up to %d; update pairloom", path, errNewerTimes, t.SchemaVersion, stats.TimesVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; the next run begins it anew", path, err)
	}
	return t, nil
}

// keepTime adds what a stage took to the times of its folder. A file that cannot be
// read is begun anew: no dataset depends on it.
func keepTime(dir string, done Done) error {
	t, err := readTimes(dir)
	if errors.Is(err, errNewerTimes) {
		return err
	}
	if t == nil {
		t = &stats.Times{}
	}
	t.SchemaVersion = stats.TimesVersion
	i := slices.IndexFunc(t.Stages, func(s stats.StageTime) bool { return s.Stage == done.Stage })
	if i < 0 {
		i, t.Stages = len(t.Stages), append(t.Stages, stats.StageTime{Stage: done.Stage})
	}
	s := &t.Stages[i]
	s.Runs++
	s.Seconds = done.Took.Seconds()
	s.TotalSeconds += s.Seconds
	if done.Tally != nil {
		s.Unit, s.Records = done.Tally.Unit, done.Tally.In
	}
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", TimesName, err)
	}
	return atomicfile.WriteFile(filepath.Join(dir, TimesName), append(text, '\n'))
}
