package export

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// Export is one run.
type Export struct {
	Dataset *shard.Dataset
	// To is a folder, or the address of a bucket with a prefix.
	To      string
	Options Options
	// Card is the text of the dataset's card, for the format huggingface; its YAML, if it
	// has any, is kept but for what says where the data lie.
	Card []byte
	// Replace allows to replace an export of another format, with other options or of
	// another dataset, or whose record is damaged.
	Replace bool
	// Check reads what is kept, and writes anew what is not as it was written.
	Check   bool
	Workers int // files made at one time; 0 is 1
	// Progress, which may be nil, is told how many pairs of how many are written.
	Progress func(done, total int64)

	through func(place) place // of tests: where faults come from
}

// Outcome is what a run did.
type Outcome struct {
	Format string           `json:"format"`
	To     string           `json:"to"`
	Pairs  map[string]int64 `json:"pairs"` // by split
	Files  int              `json:"files"` // with data, which are there now
	Bytes  int64            `json:"bytes"` // of these
	// Written, Renamed and Kept are how many of Files were made, had another name, or
	// were there; Removed are files that went.
	Written int `json:"written"`
	Renamed int `json:"renamed"`
	Kept    int `json:"kept"`
	Removed int `json:"removed"`
	// Others are files beside the export that are none of its own; they stay.
	Others int `json:"other_files,omitempty"`
}

// running is the state of a run.
type running struct {
	*Export
	place
	o       Options
	columns []column
	layout  layout
	plan    []*piece
	old     *Record
	there   map[string]presence // by name of file or subfolder
	out     *Outcome
	known   []string        // Record.Known of the dataset
	going   map[string]bool // files of subfolders that no table names any more

	mu     sync.Mutex
	record *Record         // under way
	fresh  map[string]File // what it knows to be whole, by name
	done   int64
	total  int64
	passed int // pieces since the record was written
	every  int // as many, until it is written
}

// presence is what lies under a name.
type presence struct{ bytes, members int64 }

// Run exports. Every error but a [RefusedError], [ErrInUse] and the dataset's own names
// the file, and the next run goes on.
func (e *Export) Run(ctx context.Context) (*Outcome, error) {
	o, err := e.Options.complete()
	if err != nil {
		return nil, err
	}
	r := &running{Export: e, o: o, columns: columnsOf(&o), layout: layoutOf(&o), there: map[string]presence{}, fresh: map[string]File{}, going: map[string]bool{}}
	pairs := map[string]int64{}
	for _, split := range o.splits() {
		list := pieces(e.Dataset, split, &o)
		for _, p := range list {
			pairs[split] += p.live
		}
		r.plan = append(r.plan, list...)
	}
	if len(r.plan) == 0 { // which empties an export that is there, and begins none
		old, err := ReadRecord(ctx, e.To)
		if errors.Is(err, fs.ErrNotExist) || err == nil && old == nil {
			return nil, refused("the dataset has no pairs of the split %s, and %s holds no export", o.Split, e.To)
		}
	}
	if r.place, err = openPlace(ctx, e.To, true); err != nil {
		return nil, err
	}
	defer r.close()
	if e.through != nil {
		r.place = e.through(r.place)
	}
	r.out = &Outcome{Format: o.Format, To: r.String(), Pairs: pairs}
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	if err := r.bring(ctx); err != nil {
		return nil, err
	}
	return r.out, nil
}

// unit is the name under which the record counts a file.
func (r *running) unit(name string) string {
	if dir := path.Dir(name); r.layout.folders && dir != "." && path.Base(dir) != "" && strings.Trim(path.Base(dir), "0123456789") == "" {
		return dir
	}
	return name
}

// look finds out what is there, and whether it may be written over.
func (r *running) look(ctx context.Context) (err error) {
	r.old, err = readRecord(ctx, r)
	var damaged *damagedRecord
	if errors.As(err, &damaged) && r.Replace {
		r.old, err = salvage(ctx, r, r.o)
	}
	if err != nil {
		return err
	}
	same := r.old != nil && equalOptions(&r.old.Options, &r.o)
	if r.old != nil && !same && !r.Replace {
		return refused("%s holds an export of the format %s with other options; name another place, or give --replace", r, r.old.Options.Format)
	}
	if err := r.lineage(ctx); err != nil {
		return err
	}
	ours, oldUnits := map[string]File{RecordName: {}}, running{layout: r.layout}
	if r.old != nil {
		oldUnits.layout = layoutOf(&r.old.Options)
		for _, f := range r.old.Files {
			ours[f.Name] = f
		}
		for _, name := range r.old.Going {
			r.going[name] = true
		}
	}
	due := map[string]bool{} // names that are to be written
	for _, p := range r.plan {
		for _, name := range r.layout.names(p) {
			due[name] = true
		}
	}
	extras, err := r.layout.extras(r)
	if err != nil {
		return err
	}
	for _, x := range extras {
		due[x.name] = true
	}
	first := ""
	other := func(name string) {
		r.out.Others++
		if taken := r.old == nil || r.layout.takes(name) || due[name] || strings.HasPrefix(name, stage); taken && (first == "" || name < first) {
			first = name
		}
	}
	odd := map[string]bool{} // subfolders with files that are half written
	for e, err := range r.list(ctx, "") {
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(e.name, atomicfile.Suffix)
		if strings.HasPrefix(name, ".") {
			continue // such as .git
		}
		unit := oldUnits.unit(name)
		_, is := ours[unit]
		switch folder := unit != name; {
		case !is || folder && strings.HasPrefix(name, stage) && path.Base(name) != tableName:
			other(e.name)
		case name == e.name:
			p := r.there[unit]
			r.there[unit] = presence{p.bytes + e.size, p.members + 1}
		case folder && !strings.HasPrefix(name, stage):
			odd[unit] = true
		default:
			if err := r.remove(ctx, e.name); err != nil { // what a killed run left half written
				return faultAt(r, "remove", e.name, err)
			}
		}
	}
	for unit, f := range ours {
		p, there := r.there[unit]
		_, left := r.there[stage+unit]
		if !r.isFolder(unit) || strings.HasPrefix(unit, stage) || !there && !odd[unit] || !odd[unit] && !left && p == (presence{f.Bytes, f.Members}) {
			continue
		}
		others, err := r.members(ctx, unit, f)
		if err != nil {
			return err
		}
		for _, name := range others {
			other(name)
		}
	}
	if first != "" && r.old == nil {
		return refused("%s holds %d files that no export wrote, %s among them; name an empty or new place", r, r.out.Others, first)
	}
	if first != "" {
		return refused("%s holds files beside its export that readers would take for part of it, or in whose place it would write, %s among them; move them away", r, first)
	}
	return nil
}

func equalOptions(a, b *Options) bool {
	return a.Format == b.Format && a.Split == b.Split && a.Size == b.Size && a.Pictures == b.Pictures &&
		slices.Equal(a.Columns, b.Columns) && (a.Columns == nil) == (b.Columns == nil)
}

// bring makes the place what it is to be.
func (r *running) bring(ctx context.Context) error {
	wanted, due := map[string]bool{}, []*piece{}
	for _, p := range r.plan {
		for _, name := range r.layout.names(p) {
			wanted[name] = true
		}
	}
	if err := r.keep(ctx); err != nil {
		return err
	}
	for _, p := range r.plan {
		if slices.ContainsFunc(r.layout.names(p), func(name string) bool { return r.fresh[name].XXH64 == "" && r.fresh[stage+name].XXH64 == "" }) {
			due = append(due, p)
			r.total += p.live
		} else {
			r.out.Kept += len(r.layout.names(p))
		}
	}
	extras, err := r.layout.extras(r)
	if err != nil {
		return err
	}
	stale := r.stale(wanted, extras)
	if r.old != nil && r.old.Finished && len(due) == 0 && len(r.staged()) == 0 && len(stale) == 0 && r.standing(extras) &&
		r.old.Dataset == r.Dataset.Hash() && r.old.Generation == r.Dataset.Generation() {
		r.count()
		return nil
	}
	r.begin(wanted, extras)
	if err := r.record.write(ctx, r); err != nil {
		return err
	}
	if err := r.makeAll(ctx, due, wanted); err != nil {
		r.save(context.WithoutCancel(ctx)) // the error that counts is the first
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if extras, err = r.layout.extras(r); err != nil { // anew: they tell the sizes of files
		return err
	}
	for _, x := range extras {
		if err := r.extra(ctx, x); err != nil {
			return err
		}
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	for _, name := range stale {
		if err := r.removeUnit(ctx, name); err != nil {
			return err
		}
		delete(r.fresh, name)
	}
	maps.DeleteFunc(r.fresh, func(name string, _ File) bool { return strings.HasPrefix(name, stage) })
	r.record.Finished, r.record.Going = true, nil
	r.record.Files = r.files()
	r.count()
	return r.record.write(ctx, r)
}

// keep notes the files that need not be made.
func (r *running) keep(ctx context.Context) error {
	if r.old == nil {
		return nil
	}
	from := map[string]string{}
	for _, p := range r.plan {
		for _, name := range r.layout.names(p) {
			from[name] = p.digest
		}
	}
	for _, f := range r.old.Files {
		p, there := r.there[f.Name]
		if !there || f.XXH64 == "" || p.bytes != f.Bytes || p.members != max(1, f.Members) {
			continue
		}
		final, staged := strings.CutPrefix(f.Name, stage)
		if digest, wanted := from[final]; wanted && digest != f.From || staged && !wanted {
			continue
		}
		if r.Check {
			sum, err := r.sumOf(ctx, f)
			if err != nil {
				return err
			}
			if sum != f.XXH64 {
				continue
			}
		}
		r.fresh[f.Name] = f
	}
	return nil
}

// stale are the names that are there and are to go.
func (r *running) stale(wanted map[string]bool, extras []extra) (names []string) {
	for name := range r.there {
		switch {
		case name == RecordName || wanted[name] || slices.ContainsFunc(extras, func(x extra) bool { return x.name == name }):
		case strings.HasPrefix(name, stage) && r.fresh[name].XXH64 != "":
		default:
			names = append(names, name)
		}
	}
	return names
}

// standing tells whether all extras are there as they would be written.
func (r *running) standing(extras []extra) bool {
	return !slices.ContainsFunc(extras, func(x extra) bool { return r.fresh[x.name] != x.file() })
}

// begin starts the record of the work: what is whole, and the names of what will be, so
// that whatever becomes of the run, what it leaves is known to be an export's.
func (r *running) begin(wanted map[string]bool, extras []extra) {
	r.every = max(1, len(r.plan)/500)
	r.record = &Record{Format: recordFormat, Dataset: r.Dataset.Hash(), Generation: r.Dataset.Generation(), Known: r.known, Options: r.o, Pairs: r.out.Pairs}
	known := func(name string) {
		if _, is := r.fresh[name]; !is {
			r.fresh[name] = File{Name: name}
		}
	}
	for name := range wanted {
		known(name)
		if _, there := r.there[name]; there || r.layout.folders {
			known(stage + name)
		}
	}
	for _, x := range extras {
		known(x.name)
	}
	if r.old != nil {
		for _, f := range r.old.Files {
			if _, there := r.there[f.Name]; there {
				known(f.Name)
			}
		}
	}
	r.record.Files, r.record.Going = r.files(), slices.Sorted(maps.Keys(r.going))
}

func (r *running) files() []File {
	list := make([]File, 0, len(r.fresh))
	for _, f := range r.fresh {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// save writes down what is whole so far. Call it with mu held, or alone.
func (r *running) save(ctx context.Context) error {
	r.record.Files, r.record.Going = r.files(), slices.Sorted(maps.Keys(r.going))
	r.passed = 0
	return r.record.write(ctx, r)
}

// bytesOf are those of the files of a split, as far as they are whole.
func (r *running) bytesOf(split string) (n int64) {
	for _, p := range r.plan {
		if p.split == split {
			for _, name := range r.layout.names(p) {
				n += r.fresh[name].Bytes
			}
		}
	}
	return n
}

// count fills in the outcome.
func (r *running) count() {
	for _, p := range r.plan {
		for _, name := range r.layout.names(p) {
			r.out.Files++
			r.out.Bytes += r.fresh[name].Bytes
		}
	}
}

// makeAll makes the files of pieces.
func (r *running) makeAll(ctx context.Context, due []*piece, wanted map[string]bool) error {
	sources := map[string]File{} // of files that only change their name, by what they are made from
	for _, f := range r.fresh {
		if f.From != "" && f.XXH64 != "" && !wanted[f.Name] && r.layout.single && !strings.HasPrefix(f.Name, stage) {
			sources[f.From] = f
		}
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Workers))
	for _, p := range due {
		group.Go(func() error {
			if err := context.Cause(inner); err != nil {
				return err
			}
			files, renamed, err := r.one(inner, p, sources)
			if err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, f := range files {
				r.fresh[f.Name] = f
			}
			if renamed {
				r.out.Renamed += len(files)
			} else {
				r.out.Written += len(files)
			}
			if r.passed++; r.passed >= r.every {
				return r.save(inner)
			}
			return nil
		})
	}
	err := group.Wait()
	if ctx.Err() != nil { // the caller ended it
		return context.Cause(ctx)
	}
	return err
}

// stage begins the names of new files while old ones of other rows have their names: so
// until all are whole no pair is missing.
const stage = "_new/"

// one makes the files of a piece.
func (r *running) one(ctx context.Context, p *piece, sources map[string]File) (files []File, renamed bool, err error) {
	names := r.layout.names(p)
	for i, name := range names {
		if _, there := r.there[name]; there {
			names[i] = stage + name
		}
	}
	if f, is := sources[p.digest]; is {
		err := r.copyFile(ctx, f.Name, names[0])
		if err == nil {
			f.Name = names[0]
			r.advance(p.live)
			return []File{f}, true, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) { // of a file system without hard links
			return nil, false, faultAt(r, "write", names[0], err)
		}
	}
	if r.layout.folders {
		f, err := r.folder(ctx, p, names[0])
		return []File{f}, false, err
	}
	files, err = r.tables(ctx, p, names)
	return files, false, err
}

// staged are the files that are whole under another name.
func (r *running) staged() (list []File) {
	for _, f := range r.files() {
		if strings.HasPrefix(f.Name, stage) && f.XXH64 != "" {
			list = append(list, f)
		}
	}
	return list
}

// settle gives new files their names, once all are whole.
func (r *running) settle(ctx context.Context) error {
	staged := r.staged()
	if len(staged) > 0 {
		if r.layout.folders {
			for _, f := range staged {
				if err := r.replaced(ctx, strings.TrimPrefix(f.Name, stage)); err != nil {
					return err
				}
			}
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	for _, f := range staged {
		from := f.Name
		f.Name = strings.TrimPrefix(from, stage)
		file := ""
		if r.layout.folders {
			file = "/" + tableName
		}
		if err := r.move(ctx, from+file, f.Name+file); err != nil {
			return faultAt(r, "write", f.Name+file, err)
		}
		delete(r.fresh, from)
		r.fresh[f.Name] = f
	}
	return nil
}

// advance tells of pairs that are done.
func (r *running) advance(n int64) {
	if r.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += n
	r.Progress(r.done, r.total)
}

// extra writes a small file, unless it is there.
func (r *running) extra(ctx context.Context, x extra) error {
	if r.fresh[x.name] == x.file() {
		return nil
	}
	if err := writeFile(ctx, r, x.name, x.data); err != nil {
		return faultAt(r, "write", x.name, err)
	}
	r.fresh[x.name] = x.file()
	return nil
}
