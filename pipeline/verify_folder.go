package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// producerFolders lists the folders of candidates, finished or not, by name.
func (v *verification) producerFolders() []string {
	entries, err := os.ReadDir(filepath.Join(v.Dir, shard.CandidatesFolder))
	if err != nil {
		return nil
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, shard.ProducerFolder(e.Name()))
		}
	}
	return folders
}

// candidates checks the folders of all producers.
func (v *verification) candidates(ctx context.Context) error {
	if oldLayout(v.Dir) {
		v.check(shard.CandidatesFolder, MatchName).unfinished("it has the layout of pairloom 0.1; run pairloom match, which brings it into today's")
	}
	folders := v.producerFolders()
	if len(folders) == 0 {
		folders = []string{shard.ProducerFolder(shard.ProducerCrawl)}
	}
	for _, folder := range folders {
		stage := "" // the manifest's
		if folder == shard.ProducerFolder(shard.ProducerCrawl) {
			stage = CrawlName
		}
		if err := v.folder(ctx, folder, stage, readRows(func(*shard.Candidate) (reason, what string) { return "", "" })); err != nil {
			return err
		}
	}
	return nil
}

// data checks the other folders of parts.
func (v *verification) data(ctx context.Context) error {
	for _, d := range []struct {
		folder, stage string
		read          rowReader
	}{
		{shard.MatchedFolder, MatchName, readRows(func(*shard.Matched) (reason, what string) { return "", "" })},
		{shard.ImagesFolder, FetchName, readRows(imageRow)},
		{shard.SelectionFolder, CurateName, readRows(func(s *shard.Selection) (reason, what string) { return s.Reason, "" })},
		{shard.ShardsFolder, ShardName, readRows(pairRow)},
	} {
		if err := v.folder(ctx, d.folder, d.stage, d.read); err != nil {
			return err
		}
	}
	return nil
}

func imageRow(i *shard.Image) (reason, what string) {
	switch {
	case i.Status == "" && (len(i.Bytes) == 0 || i.Width <= 0 || i.Height <= 0):
		what = fmt.Sprintf("no picture is stored of %s, which was fetched", strings.Clone(i.ImageURL))
	case i.Status != "" && len(i.Bytes) > 0:
		what = fmt.Sprintf("a picture is stored of %s, which was not fetched", strings.Clone(i.ImageURL))
	}
	return i.Status, what
}

func pairRow(p *shard.Pair) (reason, what string) {
	if len(p.Image) == 0 || p.Width <= 0 || p.Height <= 0 {
		what = fmt.Sprintf("pair %s has no picture", shard.FormatPairID(p.PairID))
	}
	return "", what
}

// folder checks one folder of parts. A folder that changes meanwhile, since a run
// is at work, is checked once more.
func (v *verification) folder(ctx context.Context, folder, stage string, read rowReader) error {
	for attempt := 0; ; attempt++ {
		f := v.check(folder, stage)
		if !f.open() {
			return nil
		}
		if f.stage == "" {
			f.stage = f.manifest.Stage
		}
		if err := f.parts(ctx, read); err != nil {
			return err
		}
		if folder == shard.ShardsFolder {
			if err := f.generations(ctx); err != nil && f.unchanged() {
				return err
			}
		}
		if f.unchanged() {
			f.counts()
			if v.Pictures {
				return f.pictures(ctx)
			}
			return nil
		}
		if attempt > 0 {
			f.changing()
			return nil
		}
	}
}

// open reads the manifest; false when there is nothing to check by it.
func (f *folderCheck) open() bool {
	m, err := shard.ReadManifestAlone(f.path)
	switch {
	case f.moving() != "":
		f.unfinished(fmt.Sprintf("a run was killed while it moved what lies ready in %s to its place; %s, or the command that was killed, which goes on", f.moving(), f.command()))
		return false
	case errors.Is(err, shard.ErrUnfinished):
		if !exists(f.path) {
			f.out.State = FolderAbsent
		} else {
			f.unfinished(f.command() + ", which finishes it")
		}
		return false
	case err != nil:
		f.badManifest(err)
		return false
	}
	f.manifest = m
	if !m.AsWritten(f.path) {
		f.manifestFault("it is not as it was written: its checksum differs")
	}
	if f.stage != "" && m.Stage != f.stage {
		f.manifestFault(fmt.Sprintf("it is that of the stage %s, not %s", m.Stage, f.stage))
	}
	if err := m.Tally.Check(); err != nil {
		f.manifestFault(fmt.Sprintf("its tally has %d %s in, but %d kept + %d dropped", m.Tally.In, m.Tally.Unit, m.Tally.Kept, m.Tally.DroppedTotal()))
	}
	return true
}

// moving is the folder whose files a killed run was to move to their places, the manifest
// last, "" where there is none. Until all of them have moved, the old manifest may name
// files that are gone, or others now.
func (f *folderCheck) moving() string {
	prepared := map[string]string{shard.ImagesFolder: eraseFolder, shard.ShardsFolder: nextFolder}[f.out.Folder]
	if prepared == "" || !shard.IsFinished(filepath.Join(f.path, prepared)) {
		return ""
	}
	return prepared
}

func (f *folderCheck) unfinished(note string) {
	f.out.State = FolderUnfinished
	f.note("%s", note)
}

// changing says that nothing can be said.
func (f *folderCheck) changing() {
	f.faults, f.intact = nil, false
	f.out.State = FolderChanging
	f.note("a run changed it while it was read; verify it again when that has ended")
}

// unchanged tells whether the manifest is still the one that was read.
func (f *folderCheck) unchanged() bool {
	m, err := shard.ReadManifestAlone(f.path)
	return err == nil && m.Hash() == f.manifest.Hash()
}

// badManifest says what shard says of a manifest that it cannot read, whose cure
// comes last.
func (f *folderCheck) badManifest(err error) {
	text := strings.TrimPrefix(err.Error(), "read "+filepath.Join(f.path, shard.ManifestName)+": ")
	if errors.Is(err, fs.ErrPermission) {
		f.fault(shard.ManifestName, text, unreadable)
		return
	}
	var damaged *shard.DamagedPart
	if errors.As(err, &damaged) {
		text = damaged.Cause
	} else if i := strings.LastIndex(text, "; "); i >= 0 {
		if strings.HasPrefix(text[i:], "; update pairloom") {
			f.fault(shard.ManifestName, text[:i], text[i+2:])
			return
		}
		text = text[:i]
	}
	f.manifestFault(text)
}

func (f *folderCheck) manifestFault(what string) {
	f.fault(shard.ManifestName, what, "delete it and "+f.command()+", which writes it again")
}

// rowReader counts the rows of a part whose sums were checked.
type rowReader func(ctx context.Context, v *verification, path string, c *counted) error

// readRows reads all rows of a part; look tells the reason for which a row was
// dropped, and what is wrong with it.
func readRows[T shard.Record](look func(*T) (reason, what string)) rowReader {
	return func(ctx context.Context, v *verification, path string, c *counted) error {
		r, err := shard.OpenFile[T](path)
		if err != nil {
			return err
		}
		defer r.Close()
		var b shard.Batch[T]
		defer b.Close()
		var row T
		for i := range r.Batches() {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := r.Load(i, &b); err != nil {
				return err
			}
			for j := range b.Len() {
				b.Read(j, &row)
				reason, what := look(&row)
				if what != "" {
					c.fault(c.rows, what)
				}
				c.count(reason)
			}
			v.step(b.Len())
		}
		return nil
	}
}

// parts checks each part that the manifest names, on all workers.
func (f *folderCheck) parts(ctx context.Context, read rowReader) error {
	parts := f.manifest.Parts
	found := make([]partCheck, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.Options.workers())
	for i, p := range parts {
		g.Go(func() error { return found[i].run(ctx, f, p, read) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	f.intact = true
	for i, p := range parts {
		c := &found[i]
		f.faults = append(f.faults, c.faults...)
		c.rows.list(f, p.Name, f.again())
		f.rows.add(&c.rows)
		f.readable = append(f.readable, c.readable)
		f.intact = f.intact && c.readable
		f.out.Bytes += c.bytes
	}
	f.out.Files, f.out.Rows = len(parts), f.rows.rows
	f.checked("checksums", "rows")
	f.strangers()
	return nil
}

// strangers notes parts that the manifest does not name.
func (f *folderCheck) strangers() {
	names, _ := filepath.Glob(filepath.Join(f.path, "*.arrow")) // the pattern is right
	known := slices.Concat(f.manifest.Parts, f.manifest.Deletions, f.manifest.Indexes)
	for _, path := range names {
		name := filepath.Base(path)
		if number, ok := visitsNumber(name); ok && f.out.Folder == shard.ImagesFolder {
			f.visits(name, number)
			continue
		}
		if !slices.ContainsFunc(known, func(p shard.Part) bool { return p.Name == name }) {
			f.note("%s is there, but the manifest does not name it: nothing reads it", name)
		}
	}
}

// visits reads a file of when the pictures of a part were last asked for. It has no
// checksum: it is written anew after each asking, and lost it costs one.
func (f *folderCheck) visits(name string, number int) {
	if !slices.ContainsFunc(f.manifest.Parts, func(p shard.Part) bool { return p.Name == partName(number) }) {
		f.note("%s is there, but the manifest does not name %s: nothing reads it", name, partName(number))
		return
	}
	err := withoutPanic(func() error {
		_, err := readVisits(f.path, number)
		return err
	})
	if errors.Is(err, fs.ErrPermission) {
		f.fault(name, err.Error(), unreadable)
		return
	}
	if err != nil {
		f.fault(name, causeOf(err), "delete it: the pictures of "+partName(number)+" are asked for again as if they had not been since they were stored")
		return
	}
	if info, err := os.Stat(filepath.Join(f.path, name)); err == nil {
		f.out.Files, f.out.Bytes = f.out.Files+1, f.out.Bytes+info.Size()
	}
}

// partCheck is what was found in one part.
type partCheck struct {
	rows     counted
	bytes    int64
	readable bool
	faults   []Fault
}

func (c *partCheck) run(ctx context.Context, f *folderCheck, p shard.Part, read rowReader) error {
	fault := func(name, what, cure string) {
		c.faults = append(c.faults, Fault{filepath.ToSlash(filepath.Join(f.out.Folder, name)), what, cure})
	}
	path := filepath.Join(f.path, p.Name)
	info, err := readableFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fault(p.Name, "it is missing", f.missing())
		return nil
	case err != nil:
		fault(p.Name, err.Error(), unreadable)
		return nil
	}
	c.bytes = info.Size()
	err = withoutPanic(func() error { return p.Verify(f.path) })
	switch {
	case err != nil && info.Size() != p.Bytes:
		fault(p.Name, fmt.Sprintf("it has %d bytes, but the manifest says %d", info.Size(), p.Bytes), f.again())
		return nil
	case err != nil:
		fault(p.Name, causeOf(err), f.again())
		return nil
	}
	// The part is what was written: what differs now is the manifest.
	rewrite := "delete it and " + f.command() + ", which writes it again"
	if info.Size() != p.Bytes {
		fault(shard.ManifestName, fmt.Sprintf("it says that %s has %d bytes, but it has %d", p.Name, p.Bytes, info.Size()), rewrite)
	}
	err = withoutPanic(func() error { return read(ctx, f.verification, path, &c.rows) })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		fault(p.Name, causeOf(err), f.again())
		return nil
	}
	if c.rows.rows != p.Rows {
		fault(shard.ManifestName, fmt.Sprintf("it says that %s has %d rows, but it has %d", p.Name, p.Rows, c.rows.rows), rewrite)
		return nil
	}
	c.readable = info.Size() == p.Bytes
	return nil
}

// readableFile tells about the file at path if it can be opened.
func readableFile(path string) (fs.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

// causeOf is what is wrong with a part, without its path and cure.
func causeOf(err error) string {
	var damaged *shard.DamagedPart
	if errors.As(err, &damaged) {
		return damaged.Cause
	}
	return err.Error()
}

// withoutPanic makes a panic an error, and so the fault that the system raises
// where the disk cannot give a page of a mapped file.
func withoutPanic(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it cannot be read: %v", r)
		}
	}()
	return do()
}

// counts holds the rows against the tally.
func (f *folderCheck) counts() {
	if !f.intact {
		f.note("its counts were not checked, since not all of its rows could be read")
		return
	}
	if f.out.Folder == shard.ImagesFolder {
		return // its tally is of the matched pairs' pictures: see join
	}
	t := f.manifest.Tally
	f.checked("counts")
	differs := func(what string, tally, rows int64) {
		if tally != rows {
			f.fault(shard.ManifestName, fmt.Sprintf("its tally says %d %s, but the parts have %d", tally, what, rows), f.anewWithoutParts())
		}
	}
	switch f.out.Folder {
	case shard.MatchedFolder:
		differs("pairs kept", t.Kept, f.rows.rows)
	case shard.SelectionFolder:
		differs("pairs in", t.In, f.rows.rows)
		differs("pairs kept", t.Kept, f.rows.reasons[""])
		reasons(f.rows.reasons, t.Dropped, func(reason string, rows, tally int64) { differs("pairs dropped for "+reason, tally, rows) })
	case shard.ShardsFolder:
		differs("pairs kept", t.Kept, f.rows.rows-f.deleted)
	default:
		differs(t.OutUnit+" written", t.Out, f.rows.rows)
	}
}

// anewWithoutParts is the cure of what may be wrong in manifest or parts. Without
// their manifest, the stages write all parts anew, but for shards, which are kept
// where they fit.
func (f *folderCheck) anewWithoutParts() string {
	if f.out.Folder == shard.ShardsFolder {
		return f.anew()
	}
	return "delete it and " + f.command() + ", which writes the folder again"
}

// reasons calls differ for each reason of dropping with unequal counts, by name.
func reasons(rows, tally map[string]int64, differ func(reason string, rows, tally int64)) {
	var all []string
	for r := range rows {
		all = append(all, r)
	}
	for r := range tally {
		all = append(all, r)
	}
	slices.Sort(all)
	for _, r := range slices.Compact(all) {
		if r != "" && rows[r] != tally[r] {
			differ(r, rows[r], tally[r])
		}
	}
}
