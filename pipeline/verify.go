package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pairloom/pairloom/shard"
)

// Verify reads a dataset from end to end and tells everything in it that is not
// as it was written, or does not fit together. It takes no lock and writes
// nothing into the folder: it may run beside a run, and for a user who may only
// read. What the memory for sorting does not hold goes to the system's folder for
// temporary files.
type Verify struct {
	Dir      string
	Options  Options
	Pictures bool // decode each stored picture
}

// Verified is what Verify found.
type Verified struct {
	Folders []VerifiedFolder `json:"folders"`
	Faults  []Fault          `json:"faults"`
	// Unfinished names the folders of the road that are not finished, and Missing
	// those that are not there although a later one is finished.
	Unfinished []string `json:"unfinished"`
	Missing    []string `json:"missing"`
}

// Sound tells whether there is no fault.
func (v *Verified) Sound() bool { return len(v.Faults) == 0 }

// States of a folder.
const (
	FolderSound      = "sound"
	FolderFaulty     = "faulty"
	FolderAbsent     = "not there"
	FolderUnfinished = "not finished"
	FolderChanging   = "changing"         // a run writes it
	FolderRemade     = "to be made again" // by the stage that needs it, unasked
	FolderUnchecked  = "not checked"
)

// VerifiedFolder says what was read of one folder.
type VerifiedFolder struct {
	Folder   string   `json:"folder"` // under the dataset's
	State    string   `json:"state"`
	Checked  []string `json:"checked"` // such as checksums, rows, counts
	Files    int      `json:"files"`
	Rows     int64    `json:"rows"`
	Bytes    int64    `json:"bytes"`
	Pictures int64    `json:"pictures,omitempty"` // decoded
	Notes    []string `json:"notes,omitempty"`    // what is no fault, but good to know
}

// Fault is one thing that is wrong, and what mends it.
type Fault struct {
	Path string `json:"path"` // under the dataset's folder
	What string `json:"what"`
	Cure string `json:"cure"`
}

func (f Fault) String() string { return fmt.Sprintf("%s: %s; %s", f.Path, f.What, f.Cure) }

// Run verifies. An error is not about the dataset: ctx has ended, or the disk for
// temporary files is full.
func (v Verify) Run(ctx context.Context, progress Progress) (*Verified, error) {
	r := &verification{Verify: v, byFolder: map[string]*folderCheck{}, progress: progress,
		stages: Road(Work{Dir: v.Dir, Options: v.Options})}
	r.expect()
	for _, step := range []func(context.Context) error{
		r.crawled, r.candidates, r.data, r.lineage, r.report, r.checkpoints, r.evaluation, r.embeddings, r.queryList,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.verified(), nil
}

// verification is the state of one Verify.
type verification struct {
	Verify
	stages   []Stage
	checks   []*folderCheck // in order of the road
	byFolder map[string]*folderCheck

	progress    Progress
	done, total atomic.Int64 // rows, those whose pictures are decoded twice
}

// expect counts the rows that are to be read.
func (v *verification) expect() {
	folders := append(v.producerFolders(), shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder, shard.ShardsFolder)
	for _, folder := range folders {
		m, err := shard.ReadManifestAlone(filepath.Join(v.Dir, folder))
		if err != nil {
			continue
		}
		v.total.Add(max(0, m.Rows()))
		if v.Pictures && (folder == shard.ImagesFolder || folder == shard.ShardsFolder) {
			v.total.Add(max(0, m.Rows()))
		}
	}
}

func (v *verification) step(rows int) { v.progress(v.done.Add(int64(rows)), v.total.Load()) }

// check begins a folder's account, in place of one of it that there is.
func (v *verification) check(folder, stage string) *folderCheck {
	f := &folderCheck{verification: v, stage: stage, path: filepath.Join(v.Dir, folder)}
	f.out.Folder = filepath.ToSlash(folder)
	f.out.Checked = []string{}
	if before := v.byFolder[folder]; before != nil {
		*before = *f
		return before
	}
	v.checks = append(v.checks, f)
	v.byFolder[folder] = f
	return f
}

func (v *verification) verified() *Verified {
	out := &Verified{Folders: []VerifiedFolder{}, Faults: []Fault{}, Unfinished: []string{}, Missing: []string{}}
	var absent []string // so far
	for _, f := range v.checks {
		if f.out.State == "" {
			f.out.State = FolderSound
		}
		if len(f.faults) > 0 {
			f.out.State = FolderFaulty
		}
		out.Folders = append(out.Folders, f.out)
		out.Faults = append(out.Faults, f.faults...)
		switch name := f.out.Folder; {
		case !v.onRoad(name):
		case f.out.State == FolderUnfinished:
			out.Unfinished = append(out.Unfinished, name)
		case f.out.State == FolderAbsent:
			absent = append(absent, name)
		case f.manifest != nil:
			out.Missing, absent = append(out.Missing, absent...), nil
		}
	}
	return out
}

// stage is the one of that name.
func (v *verification) stage(name string) *Stage {
	i := slices.IndexFunc(v.stages, func(s Stage) bool { return s.Name == name })
	return &v.stages[i]
}

// onRoad tells whether the folder is a stage's, or another producer's.
func (v *verification) onRoad(folder string) bool {
	return strings.HasPrefix(folder, shard.CandidatesFolder) || slices.ContainsFunc(v.stages, func(s Stage) bool { return s.Folder == folder })
}

// folderCheck is the account of one folder.
type folderCheck struct {
	*verification
	stage    string // the command that fills it; "" when that is not known
	path     string
	manifest *shard.Manifest // nil where there is none that can be read
	readable []bool          // of each part: it is as it was written, and can be read
	intact   bool            // all parts are readable
	rows     counted
	gone     map[string][]goneRow // of shards, by part: the rows that were deleted, ascending
	deleted  int64                // how many these are
	indexes  bool                 // the indexes can be read
	out      VerifiedFolder
	faults   []Fault
}

// fault notes one; name is that of a file in the folder, or "" for the folder.
func (f *folderCheck) fault(name, what, cure string) {
	path := filepath.ToSlash(filepath.Join(f.out.Folder, name))
	f.faults = append(f.faults, Fault{path, what, cure})
}

func (f *folderCheck) note(format string, args ...any) {
	f.out.Notes = append(f.out.Notes, fmt.Sprintf(format, args...))
}

func (f *folderCheck) checked(what ...string) { f.out.Checked = append(f.out.Checked, what...) }

// command is what fills the folder.
func (f *folderCheck) command() string {
	if f.stage == "" {
		return "run again what wrote it"
	}
	return "run pairloom " + f.stage
}

// The cures. Each stage makes a file that is not there again, and the whole
// folder where that is not there.
func (f *folderCheck) again() string {
	return "delete it and " + f.command() + ", which makes what is missing again"
}
func (f *folderCheck) missing() string { return f.command() + ", which makes what is missing again" }
func (f *folderCheck) anew() string {
	return fmt.Sprintf("delete the folder %s and %s, which makes it again", f.out.Folder, f.command())
}

const unreadable = "let this user read it, or verify as its owner"

// maxRowFaults is the most rows of a part that are named one by one.
const maxRowFaults = 20

// counted is what the rows of a folder amount to, by reason of dropping, "" for
// rows that were kept, and the rows that are wrong.
type counted struct {
	rows    int64
	reasons map[string]int64
	faults  []string
	more    int // faults that are not listed
}

func (c *counted) count(reason string) {
	c.rows++
	if c.reasons == nil {
		c.reasons = map[string]int64{}
	}
	c.reasons[strings.Clone(reason)]++ // the row's memory is reused, and a map keeps the last of equal keys
}

func (c *counted) fault(row int64, what string) {
	if len(c.faults) == maxRowFaults {
		c.more++
		return
	}
	c.faults = append(c.faults, fmt.Sprintf("row %d: %s", row, what))
}

// add adds the counts, not the faults.
func (c *counted) add(o *counted) {
	c.rows += o.rows
	for reason, n := range o.reasons {
		if c.reasons == nil {
			c.reasons = map[string]int64{}
		}
		c.reasons[reason] += n
	}
}

// list reports the faults of a file.
func (c *counted) list(f *folderCheck, name, cure string) {
	for _, what := range c.faults {
		f.fault(name, what, cure)
	}
	if c.more > 0 {
		f.fault(name, fmt.Sprintf("%d more of its rows are wrong", c.more), cure)
	}
}
