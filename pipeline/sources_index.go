package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/crawl/lists"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/places"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	pairs "github.com/pairloom/pairloom/trainer/batch"
)

// Reasons for which what a source holds is not trained on, beside those of package lists.
const (
	// ReasonNotHere is an address without a picture; pairloom import fetches those.
	ReasonNotHere = "not_here"
	// ReasonTooLarge is a picture beyond what training reads.
	ReasonTooLarge = "too_large"
)

// groupBytes is how many bytes of a source's files share a part of its index, at least:
// what is done when a run is killed, and what is read again when a file changed.
const groupBytes = 1 << 30

// noteEnd ends the names of notes, which say of which files a group of parts was made.
const noteEnd = ".json"

// An indexer makes and renews the index of a source.
type indexer struct {
	*source
	folder  string // of the index
	options lists.Options
	seed    int64
	share   float64 // held out
	workers int
	by      string          // the settings
	notes   []*indexedGroup // that were there
	begins  func()          // told once when there is something to read; may be nil
	refused *refusal.List
}

// indexedFile is a file as it was when it was indexed.
type indexedFile struct {
	Label string `json:"label"`
	Stamp string `json:"stamp"` // by which a later run knows it without reading it
	Pairs int64  `json:"pairs"`
	XXH64 string `json:"xxh64"` // of the pairs' ids and pictures
}

// indexedGroup is the note of what was made of some files.
type indexedGroup struct {
	Settings string        `json:"settings"`
	Files    []indexedFile `json:"files"`
	Tally    *shard.Tally  `json:"tally"`
	Parts    []shard.Part  `json:"parts"` // at most one of training and one held out
	Copies   []shard.File  `json:"copies,omitempty"`

	name string // of the note
}

// stampOf is what tells without reading whether a file is the one that it was.
func stampOf(s lists.Source) (string, error) {
	if s.Format == "folder" {
		print, err := s.Fingerprint() // of the names, sizes and times of its files
		return fmt.Sprintf("%016x", print), err
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano()), nil
}

// make indexes what is not indexed yet, or is not what it was. It writes parts and notes,
// and not the manifest: what stood before stands until accept.
func (x *indexer) make(ctx context.Context, advance func(bytes int64)) (*shard.Manifest, []*indexedGroup, error) {
	if err := os.MkdirAll(x.folder, 0o777); err != nil {
		return nil, nil, err
	}
	if _, err := atomicfile.Sweep(x.folder); err != nil {
		return nil, nil, err
	}
	var err error
	if x.notes, err = x.readNotes(); err != nil {
		return nil, nil, err
	}
	spans, stamps, err := x.spans()
	if err != nil {
		return nil, nil, err
	}
	groups := make([]*indexedGroup, len(spans))
	pictures := pairs.NewPictures()
	defer pictures.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(x.workers)
	for n, span := range spans {
		group.Go(func() error {
			files, stamps := x.files[span[0]:span[1]], stamps[span[0]:span[1]]
			groups[n] = x.recall(n, files, stamps)
			if groups[n] != nil {
				return nil
			}
			var err error
			groups[n], err = x.index(ctx, n, files, stamps, pictures, advance)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	m := &shard.Manifest{
		Stage: pairs.IndexStage, Settings: x.by, Options: pairs.Index{Base: x.base, Name: x.name}.Values(),
		Tally: shard.NewTally(pairs.IndexStage, "rows", "pairs"),
	}
	for _, g := range groups {
		m.Tally.Add(g.Tally)
		m.Parts = append(m.Parts, g.Parts...)
		note, err := shard.SumFile(x.folder, g.name)
		if err != nil {
			return nil, nil, err
		}
		m.Files = append(append(m.Files, note), g.Copies...)
	}
	slices.SortStableFunc(m.Parts, func(a, b shard.Part) int { // held-out parts come first, as in shards
		return strings.Compare(a.Name[:strings.IndexByte(a.Name, '-')], b.Name[:strings.IndexByte(b.Name, '-')])
	})
	return m, groups, nil
}

// spans are the files of each group, from one number to another, and the stamps of all.
func (x *indexer) spans() (spans [][2]int, stamps []string, err error) {
	stamps, size := make([]string, len(x.files)), int64(groupBytes)
	for i, s := range x.files {
		if stamps[i], err = stampOf(s); err != nil {
			return nil, nil, err
		}
		if size >= groupBytes || s.Format == "folder" {
			spans, size = append(spans, [2]int{i, i}), 0
		}
		spans[len(spans)-1][1]++
		if size += s.Size(); s.Format == "folder" {
			size = groupBytes
		}
	}
	return spans, stamps, nil
}

// standing is the manifest of an index that is there and is that of the source as it is
// now; nil where it must be made. It writes nothing.
func (x *indexer) standing() (*shard.Manifest, error) {
	m, err := shard.ReadManifest(x.folder)
	base := pairs.Index{Base: x.base, Name: x.name}.Values()["base"]
	if err != nil || m.Settings != x.by || string(m.Options["base"]) != string(base) {
		return nil, nil
	}
	if x.notes, err = x.readNotes(); err != nil {
		return nil, err
	}
	spans, stamps, err := x.spans()
	if err != nil {
		return nil, err
	}
	notes := 0
	for n, span := range spans {
		g := x.recall(n, x.files[span[0]:span[1]], stamps[span[0]:span[1]])
		if g == nil || !slices.ContainsFunc(m.Files, func(f shard.File) bool { return f.Name == g.name }) {
			return nil, nil
		}
	}
	for _, f := range m.Files {
		if strings.HasSuffix(f.Name, noteEnd) {
			notes++
		}
	}
	if notes != len(spans) {
		return nil, nil
	}
	return m, nil
}

// accept makes the manifest that of the index, and removes what is of none.
func (x *indexer) accept(m *shard.Manifest) error {
	if err := shard.WriteManifest(x.folder, m); err != nil {
		return err
	}
	keep := map[string]bool{shard.ManifestName: true}
	for _, p := range m.Parts {
		keep[p.Name] = true
	}
	for _, f := range m.Files {
		keep[f.Name] = true
	}
	entries, err := os.ReadDir(x.folder)
	for _, e := range entries {
		if err == nil && !keep[e.Name()] && slices.Contains([]string{".arrow", noteEnd, copyEnd}, filepath.Ext(e.Name())) {
			err = os.Remove(filepath.Join(x.folder, e.Name()))
		}
	}
	return err
}

// noteName begins the names of the notes of a group.
func noteName(n int) string { return fmt.Sprintf("files-%05d-", n) }

// readNotes reads the notes in the folder; what cannot be read is passed over, since a
// group is made again where none is found.
func (x *indexer) readNotes() (list []*indexedGroup, err error) {
	entries, err := os.ReadDir(x.folder)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), noteEnd) || e.Name() == shard.ManifestName {
			continue
		}
		data, err := os.ReadFile(filepath.Join(x.folder, e.Name()))
		g := &indexedGroup{name: e.Name()}
		if err == nil && json.Unmarshal(data, g) == nil && g.Tally != nil {
			list = append(list, g)
		}
	}
	return list, err
}

// recall finds what was made of a group of files before, if they are as they were then.
func (x *indexer) recall(n int, files []lists.Source, stamps []string) *indexedGroup {
	for _, g := range x.notes {
		same := strings.HasPrefix(g.name, noteName(n)) && g.Settings == x.by && len(g.Files) == len(files)
		for i := 0; same && i < len(files); i++ {
			same = g.Files[i].Label == files[i].Label && g.Files[i].Stamp == stamps[i]
		}
		for i := 0; same && i < len(g.Parts); i++ {
			info, err := os.Stat(filepath.Join(x.folder, g.Parts[i].Name))
			same = err == nil && info.Size() == g.Parts[i].Bytes
		}
		for i := 0; same && i < len(g.Copies); i++ {
			info, err := os.Stat(filepath.Join(x.folder, g.Copies[i].Name))
			same = err == nil && info.Size() == g.Copies[i].Bytes
		}
		if same {
			return g
		}
	}
	return nil
}

// sides are the two parts of a group that are being written, and the copies of pictures
// that cannot be read alone where they lie.
type sides struct {
	folder string
	parts  [2]*shard.PartWriter[shard.Pair]
	copies []*copies
}

// copyEnd ends the names of files of copies.
const copyEnd = ".bin"

// copies are the pictures of one Parquet file, one behind the other.
type copies struct {
	name string
	file *atomicfile.File
	size int64
	sum  *xxhash.Digest
}

// copy appends a picture to the copies of its file and returns where it lies there.
func (s *sides) copy(of places.Place, picture []byte) (at string, err error) {
	name := fmt.Sprintf("packed-%016x%s", of.Print, copyEnd)
	if n := len(s.copies); n == 0 || s.copies[n-1].name != name {
		file, err := atomicfile.Create(filepath.Join(s.folder, name))
		if err != nil {
			return "", err
		}
		s.copies = append(s.copies, &copies{name: name, file: file, sum: xxhash.New()})
	}
	c := s.copies[len(s.copies)-1]
	at = pairs.CopyAt(name, c.size, int64(len(picture)))
	c.size += int64(len(picture))
	c.sum.Write(picture)
	_, err = c.file.Write(picture)
	return at, err
}

var sideNames = [2]string{shard.Training, shard.HeldOut}

func (s *sides) write(side, n int, p *shard.Pair) (err error) {
	if s.parts[side] == nil {
		// Only the content decides about the part's bytes, and they about its name.
		name := fmt.Sprintf("%s%05d.arrow", sideNames[side], n)
		if s.parts[side], err = shard.CreatePart[shard.Pair](s.folder, name, shard.Origin{Stage: pairs.IndexStage}); err != nil {
			return err
		}
	}
	return s.parts[side].Write(p)
}

// close gives each part a name that no part of other content has: those of the index as
// it stands are not touched.
func (s *sides) close() (parts []shard.Part, files []shard.File, err error) {
	for _, c := range s.copies {
		if err := c.file.Commit(); err != nil {
			return nil, nil, err
		}
		files = append(files, shard.File{Name: c.name, Bytes: c.size, XXH64: fmt.Sprintf("%016x", c.sum.Sum64())})
	}
	s.copies = nil
	for side, w := range s.parts {
		if w == nil {
			continue
		}
		s.parts[side] = nil
		p, err := w.Close()
		if err != nil {
			return nil, nil, err
		}
		name := strings.TrimSuffix(p.Name, ".arrow") + "-" + p.XXH64[:8] + ".arrow"
		if err := atomicfile.Rename(filepath.Join(s.folder, p.Name), filepath.Join(s.folder, name)); err != nil {
			return nil, nil, err
		}
		p.Name = name
		parts = append(parts, p)
	}
	return parts, files, nil
}

func (s *sides) discard() {
	for _, c := range s.copies {
		c.file.Discard()
	}
	for _, w := range s.parts {
		if w != nil {
			w.Discard()
		}
	}
}

// index reads a group of files.
func (x *indexer) index(ctx context.Context, n int, files []lists.Source, stamps []string, pictures *places.Pictures, advance func(bytes int64)) (*indexedGroup, error) {
	x.begins()
	g := &indexedGroup{Settings: x.by, Tally: shard.NewTally(pairs.IndexStage, "rows", "pairs")}
	out := &sides{folder: x.folder}
	defer out.discard()
	var body bytes.Buffer
	for i, s := range files {
		sum, kept := xxhash.New(), int64(0)
		err := lists.Read(s, "data", x.options, lists.Sink{
			Drop: g.Tally.Drop,
			Keep: func(c *shard.Candidate) error {
				p, reason, err := x.pair(c, pictures, &body, out)
				if err != nil {
					return err
				}
				if reason != "" {
					g.Tally.Drop(reason)
					return nil
				}
				g.Tally.Keep()
				kept++
				fmt.Fprintf(sum, "%016x %016x\n", p.PairID, p.PictureHash)
				side := 0
				if shard.HeldOutPicture(x.seed, x.share, p.PictureHash) {
					side = 1
				}
				return out.write(side, n, &p)
			},
			Advance: func(bytes int64) error { advance(bytes); return context.Cause(ctx) },
		})
		if err != nil {
			var own *lists.FileError
			if errors.As(err, &own) {
				err = dataError(own.Path, err)
			}
			return nil, err
		}
		g.Files = append(g.Files, indexedFile{s.Label, stamps[i], kept, fmt.Sprintf("%016x", sum.Sum64())})
	}
	var err error
	if g.Parts, g.Copies, err = out.close(); err != nil {
		return nil, err
	}
	g.Tally.Out = g.Tally.Kept
	data, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	g.name = fmt.Sprintf("%s%08x%s", noteName(n), uint32(xxhash.Sum64(data)), noteEnd)
	return g, atomicfile.WriteFile(filepath.Join(x.folder, g.name), data)
}

// pair is the row of a candidate, or the reason why it has none.
func (x *indexer) pair(c *shard.Candidate, pictures *places.Pictures, body *bytes.Buffer, out *sides) (p shard.Pair, reason string, err error) {
	c.ImageURL = strings.Replace(c.ImageURL, "/./", "/", 1) // of the folder that was named itself
	if _, refused := refusesCandidate(x.refused, c); refused {
		return p, ReasonRefused, nil
	}
	if c.PictureAt == "" {
		return p, ReasonNotHere, nil
	}
	at, err := places.Parse(c.PictureAt)
	if err == nil {
		at, err = pictures.Direct(at)
	}
	if err != nil {
		return p, "", err
	}
	body.Reset()
	if err := pictures.Read(at.String(), body); errors.Is(err, places.ErrTooLarge) {
		return p, ReasonTooLarge, nil
	} else if err != nil {
		return p, "", err
	}
	lies := ""
	if at.Kind == places.Parquet { // it lies in a page with others, which may be hundreds
		lies, err = out.copy(at, body.Bytes())
	} else if at.Path, err = filepath.Rel(x.base, at.Path); err == nil {
		lies = at.String()
	}
	if err != nil {
		return p, "", err
	}
	return shard.Pair{
		PairID: shard.PairID(c.ImageURL, c.Text), Text: c.Text, ImageURL: c.ImageURL, PageURL: c.PageURL,
		TextSource: c.TextSource, Language: c.Language, License: c.License, Source: lies, PictureHash: xxhash.Sum64(body.Bytes()),
	}, "", nil
}

// settingsOf tells indexes that were made otherwise from this one.
func (x *indexer) settingsOf(dir string) (string, error) {
	return withRefusals(dir, settings.Hash(fmt.Sprintf("%+v", x.options), x.seed, x.share), candidateKinds)
}
