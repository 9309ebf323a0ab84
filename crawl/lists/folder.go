package lists

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/places"
)

// folder finds pictures that are files below a folder, and nothing beyond it: what a
// path leads out of it to is refused, by links too.
type folder struct {
	root  *os.Root
	path  string
	label string
	named map[uint64]bool // hashes of the paths that a table named; nil where nobody asks
}

func newFolder(path, label string) (*folder, error) {
	root, err := os.OpenRoot(path)
	return &folder{root: root, path: path, label: label}, err
}

func (f *folder) close() { f.root.Close() }

// find gives a row the place and name of the picture that it names.
func (f *folder) find(r *row) (reason string) {
	name := string(r.file)
	if name == "" {
		return ReasonNoPicture
	}
	if filepath.IsAbs(name) {
		below, err := filepath.Rel(f.path, name)
		if err != nil {
			return ReasonUnsafeName
		}
		name = below
	}
	name = filepath.Clean(filepath.FromSlash(name))
	if !filepath.IsLocal(name) {
		return ReasonUnsafeName
	}
	at, reason := f.place(name)
	if reason != "" {
		return reason
	}
	r.place, r.name = at, f.label+"/"+filepath.ToSlash(name)
	if f.named != nil {
		f.named[xxhash.Sum64String(name)] = true
	}
	return ""
}

// place is that of a picture by its path below the folder.
func (f *folder) place(name string) (at, reason string) {
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\n") {
		return "", ReasonUnsafeName
	}
	info, err := f.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ReasonMissing
	case err != nil:
		if at, err := f.root.Lstat(name); err == nil && at.Mode()&fs.ModeSymlink != 0 {
			return "", ReasonLink // which leads out of the folder
		}
		return "", ReasonUnsafeName // below such a link, or it may not be read
	case !info.Mode().IsRegular():
		return "", ReasonNoFile
	}
	opened, err := f.root.Open(name)
	if err != nil {
		return "", ReasonMissing
	}
	defer opened.Close()
	print, err := places.Fingerprint(opened, info.Size(), places.PictureEnds)
	if err != nil {
		return "", ReasonMissing
	}
	return places.Place{Kind: places.File, Print: print, Path: filepath.Join(f.path, name)}.String(), ""
}

// read is the content of a small file below the folder; nil for none.
func (f *folder) read(name string, most int64) (data []byte, tooLong bool) {
	opened, err := f.root.Open(name)
	if err != nil {
		return nil, false
	}
	defer opened.Close()
	if info, err := opened.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	data, err = io.ReadAll(io.LimitReader(opened, most+1))
	if err != nil {
		return nil, false
	}
	return data, int64(len(data)) > most
}

// metadataNames are the tables of captions that Hugging Face's imagefolder looks for.
var metadataNames = []string{"metadata.csv", "metadata.jsonl", "metadata.parquet"}

// readFolder reads a folder of pictures: first the tables of captions, then the
// pictures that no table names, each with the text beside it, then what img2dataset
// notes of those that it could not fetch.
func readFolder(k *candidates, s Source, o *Options) error {
	f, err := newFolder(s.Path, s.Label)
	if err != nil {
		return err
	}
	defer f.close()
	f.named = map[uint64]bool{}
	tables, err := f.tables(o)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := f.table(k, table, o); err != nil {
			return err
		}
	}
	err = filepath.WalkDir(s.Path, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(e.Name(), ".") && at != s.Path; hidden || e.IsDir() || !isPicture(e.Name()) {
			if hidden && e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(s.Path, at)
		if err != nil || f.named[xxhash.Sum64String(name)] {
			return err
		}
		r := f.beside(k, name, o)
		if err := k.take(&r, s.Label+"/"+filepath.ToSlash(name)); err != nil {
			return err
		}
		return k.advance(0)
	})
	if err != nil {
		return err
	}
	return notThere(k, s, o)
}

// tables are the tables of captions of a folder.
func (f *folder) tables(o *Options) (list []string, err error) {
	if o.Captions != "" {
		return []string{o.captions()}, nil
	}
	err = filepath.WalkDir(f.path, func(at string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && slices.Contains(metadataNames, e.Name()) && isFile(at, e) {
			list = append(list, at)
		}
		return err
	})
	return list, err
}

// table reads a table of captions, whose paths start at its own folder where that lies
// in this one, else at this.
func (f *folder) table(k *candidates, at string, o *Options) error {
	base, err := filepath.Rel(f.path, filepath.Dir(at))
	if err != nil || !filepath.IsLocal(base) {
		base = "."
	}
	named := *o
	named.Format = ""
	s := named.file(at, f.label+"/"+path.Join(filepath.ToSlash(base), filepath.Base(at)))
	if s.Err != nil {
		return s.Err
	}
	k.find = func(r *row) string {
		if len(r.file) > 0 && !filepath.IsAbs(string(r.file)) {
			r.file = []byte(filepath.Join(base, string(r.file)))
		}
		return f.find(r)
	}
	defer func() { k.find = nil }()
	switch s.Format {
	case "parquet":
		return readParquet(k, s, o)
	case "csv", "tsv", "json", "jsonl":
		return readText(k, s, o)
	}
	return &FileError{Path: at, Err: errors.New("a table of captions is CSV, TSV, JSON, JSON lines or Parquet")}
}

// beside makes the row of a picture with the text and the JSON beside it.
func (f *folder) beside(k *candidates, name string, o *Options) row {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	s := sample{key: filepath.ToSlash(name), label: f.label}
	s.place, s.bad = f.place(name)
	for _, end := range textEnds {
		text, tooLong := f.read(stem+"."+end, mostText)
		if tooLong {
			s.bad = ReasonTooLong
		}
		if s.text = text; text != nil {
			break
		}
	}
	meta, tooLong := f.read(stem+".json", mostRow)
	if s.meta = meta; tooLong {
		s.meta = nil
	}
	r := k.sample(&s, o)
	r.name = f.label + "/" + s.key
	return r
}
