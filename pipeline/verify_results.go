package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/query/match"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// report checks files that are no parts: their sums, that they can be read, and
// that they count what the manifest does. So does evaluation.
func (v *verification) report(context.Context) error {
	if f := v.byFolder[shard.SelectionFolder]; f.manifest != nil {
		f.queryCounts()
		f.otherFiles(stats.QueryCountsName)
	}
	if f := v.check(shard.ReportFolder, ReportName); f.open() {
		var s stats.Stats
		if f.json(stats.FiguresName, &s) && s.Pairs != f.manifest.Tally.Kept {
			f.fault(stats.FiguresName, fmt.Sprintf("it counts %d pairs, but the manifest %d", s.Pairs, f.manifest.Tally.Kept), f.again())
		}
		f.read(stats.PageName) // whose sum an older manifest does not have
		f.otherFiles(stats.FiguresName, stats.PageName)
		f.settled()
	}
	return nil
}

func (v *verification) evaluation(context.Context) error {
	if f := v.check(shard.EvaluationFolder, EvalName); f.open() {
		var r evaluate.Result
		if f.json(evaluate.ResultName, &r) && (r.Tally == nil || r.Tally.Kept != f.manifest.Tally.Kept) {
			f.fault(evaluate.ResultName, "its tally is not that of the manifest", f.again())
		}
		f.settled()
	}
	return nil
}

// settled ends the check of a folder of few files.
func (f *folderCheck) settled() {
	f.checked("checksums")
	if !f.unchanged() {
		f.changing()
		return
	}
	f.currency()
}

// currency notes that the folder was made from other input.
func (f *folderCheck) currency() {
	for i := range f.stages {
		if s := &f.stages[i]; s.Folder == f.out.Folder && len(s.Inputs) > 0 && !f.current(s) {
			f.note("it was made from other input: run pairloom %s", s.Name)
		}
	}
}

// read is the content of a file of the folder; nil, and a fault, where there is
// none.
func (f *folderCheck) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(f.path, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.fault(name, "it is missing", f.missing())
		return nil
	case err != nil:
		f.fault(name, err.Error(), unreadable)
		return nil
	}
	f.out.Files++
	f.out.Bytes += int64(len(data))
	for _, file := range f.manifest.Files {
		if file.Name == name && file != shard.FileOf(name, data) {
			f.fault(name, "its checksum differs from the manifest", f.again())
			return nil
		}
	}
	return append(data, 0)[:len(data)] // an empty file is not nil
}

func (f *folderCheck) json(name string, to any) bool {
	data := f.read(name)
	if data == nil {
		return false
	}
	if err := json.Unmarshal(data, to); err != nil {
		f.fault(name, err.Error(), f.again())
		return false
	}
	return true
}

// otherFiles holds the files that the manifest names, but for those read already,
// against their sums.
func (f *folderCheck) otherFiles(read ...string) {
	for _, file := range f.manifest.Files {
		if f.out.State != FolderChanging && !slices.Contains(read, file.Name) {
			f.read(file.Name)
		}
	}
}

func (f *folderCheck) queryCounts() {
	if f.out.State == FolderChanging || f.read(stats.QueryCountsName) == nil {
		return
	}
	if _, err := stats.ReadQueryCounts(f.path); err != nil {
		what, _, _ := strings.Cut(err.Error(), "; delete")
		f.fault(stats.QueryCountsName, what, f.again())
	}
}

// checkpoints holds the files of each checkpoint against its state.json, and the tables
// of what they were trained on.
func (v *verification) checkpoints(ctx context.Context) error {
	f := v.check(shard.CheckpointsFolder, TrainName)
	list, err := checkpoint.List(f.path)
	if err != nil {
		f.fault("", err.Error(), unreadable)
		return nil
	}
	finished := f.open()
	if !finished && len(list.Whole)+len(list.Damaged) == 0 {
		return nil
	}
	faults := list.Damaged
	var newest, best *checkpoint.Checkpoint
	newestWhole := true
	seen := map[string]bool{} // tables that were checked
	for _, c := range list.Whole {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wrong := c.Verify()
		faults = append(faults, wrong...)
		for _, file := range c.State.Files {
			f.out.Files++
			f.out.Bytes += file.Bytes
		}
		f.seen(c, seen)
		switch {
		case c.IsBest():
			best = c
		case !c.IsBeside():
			newest, newestWhole = c, len(wrong) == 0
		}
	}
	for _, d := range faults {
		f.checkpointFault(d)
	}
	// The cure of a damaged one trains what is missing too.
	if finished && len(list.Damaged) == 0 && newestWhole && (newest == nil || newest.State.Step < newest.State.Total) {
		if !f.unchanged() {
			f.changing()
			return nil
		}
		what := "its manifest says that the training is done, but no checkpoint is there"
		if newest != nil {
			what = fmt.Sprintf("its last checkpoint is gone: the training has %d steps, and the newest checkpoint is of step %d", newest.State.Total, newest.State.Step)
		}
		f.fault("", what, "run pairloom train, which goes on from the checkpoint before it, or from the start")
	}
	for _, path := range list.Unfinished {
		f.note("%s is not finished: nothing reads it", f.relative(path))
	}
	if newest != nil && newest.State.Best.Step > 0 && best == nil {
		f.note("the checkpoint with the least held-out loss, of step %d, is not there: eval.weights best cannot be used", newest.State.Best.Step)
	}
	f.checked("checksums")
	if finished {
		f.currency()
	}
	return nil
}

// seen holds the tables of what a checkpoint was trained on against their sums, those
// that checked does not have.
func (f *folderCheck) seen(c *checkpoint.Checkpoint, checked map[string]bool) {
	for _, table := range c.SeenTables() {
		if table.Path == "" || checked[table.Path] {
			continue
		}
		checked[table.Path] = true
		f.out.Files++
		f.out.Bytes += table.Bytes
		if cause := table.Differs(); cause != "" {
			f.fault(f.relative(table.Path), cause, checkpoint.SeenCure)
		}
	}
}

// checkpointFault is one of a checkpoint's folder. A run goes on from the newest
// one left; what best leads to is made by training alone.
func (f *folderCheck) checkpointFault(d *checkpoint.Damaged) {
	if _, err := os.Stat(filepath.Dir(d.Path)); errors.Is(err, fs.ErrNotExist) {
		return // a run has removed it, for it has a newer one
	}
	folder := f.out.Folder + "/" + f.relative(filepath.Dir(d.Path))
	cure := fmt.Sprintf("delete the folder %s and run pairloom train, which goes on from the checkpoint before it, or from the start", folder)
	if (&checkpoint.Checkpoint{Path: filepath.Dir(d.Path)}).IsBest() {
		cure = fmt.Sprintf("delete the folder %s and use the last checkpoint, or delete the folder %s and run pairloom train, which trains anew", folder, f.out.Folder)
	}
	f.fault(f.relative(d.Path), d.Cause, cure)
}

// relative is a path within the folder.
func (f *folderCheck) relative(path string) string {
	if name, err := filepath.Rel(f.path, path); err == nil {
		return filepath.ToSlash(name)
	}
	return path
}

// queryList opens the compiled query list, which checks itself. It is no part of
// the dataset: match makes it again where it is not right.
func (v *verification) queryList(context.Context) error {
	f := v.check(compiledName, MatchName)
	info, err := os.Stat(f.path)
	if err != nil {
		f.out.State = FolderAbsent
		return nil
	}
	hash, err := NewQueryList(v.Dir, v.Options.Match.Queries).Hash()
	mode, modeErr := match.ParseMode(v.Options.Match.Mode)
	if err := errors.Join(err, modeErr); err != nil {
		f.out.State = FolderUnchecked
		f.note("it was not checked: %v", err)
		return nil
	}
	f.out.Files, f.out.Bytes = 1, info.Size()
	var m *match.Matcher
	err = withoutPanic(func() (err error) {
		m, err = match.Open(f.path, hash, mode)
		return err
	})
	if err != nil {
		f.out.State = FolderRemade
		f.note("%v; the next match makes it again", err)
		return nil
	}
	f.checked("checksum")
	return m.Close()
}
