package lists

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/places"
)

// A Source is one file of a list, or one folder of pictures.
type Source struct {
	Path   string // absolute
	Label  string // what it is called in the list: its path below the folder that was named
	Format string // one of Formats, but for auto
	// Beside is the Parquet file that img2dataset writes beside a tar or folder of
	// pictures, with what it could not fetch; several of a folder.
	Beside []string
	Err    error // why it cannot be read
	// Unread are files of the folder that was named which may be lists, and are not read
	// with it: tables and tars beside pictures, and of other folders what its name does not
	// tell from notes, such as .txt.
	Unread []string
}

// Sources are the files that arguments name, in order, each once: a file, a folder, or
// a pattern with * or ?. Of a folder these are its tars and tables, or, where it has
// pictures that are files, the folder itself.
func Sources(args []string, o Options) ([]Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	var all []Source
	seen := map[string]bool{}
	add := func(list ...Source) {
		for _, s := range list {
			if !seen[s.Path] {
				seen[s.Path] = true
				all = append(all, s)
			}
		}
	}
	for _, arg := range args {
		if arg == "" {
			return nil, errors.New("one of the names is empty")
		}
		if strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") || strings.HasPrefix(arg, "s3://") {
			return nil, fmt.Errorf("%s is an address; get the file first and name that", arg)
		}
		arg, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		names, root := []string{arg}, filepath.Dir(arg)
		if _, err := os.Lstat(arg); errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?[") {
			if names, err = filepath.Glob(arg); err != nil {
				return nil, fmt.Errorf("pattern %s: %w", arg, err)
			}
			if len(names) == 0 {
				return nil, fmt.Errorf("no file fits the pattern %s", arg)
			}
			for strings.ContainsAny(root, "*?[") {
				root = filepath.Dir(root)
			}
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				return nil, err
			}
			if info.IsDir() {
				if name, err = filepath.EvalSymlinks(name); err != nil {
					return nil, err
				}
				list, err := o.inFolder(name)
				if err != nil {
					return nil, err
				}
				add(list...)
				continue
			}
			label, err := filepath.Rel(root, name)
			if err != nil {
				return nil, err
			}
			add(o.file(name, label))
		}
	}
	labels := map[string]string{}
	for _, s := range all {
		if !utf8.ValidString(s.Path) || strings.ContainsAny(s.Path, "\x00\n") {
			return nil, fmt.Errorf("the name %q is not UTF-8, or of two lines, and could not be written down; rename it", s.Path)
		}
		if other, twice := labels[s.Label]; twice {
			return nil, fmt.Errorf("%s and %s would both be called %s; name the folder above them, or import each with a --name of its own", other, s.Path, s.Label)
		}
		labels[s.Label] = s.Path
	}
	return withoutBeside(all), nil
}

// file is the source that a file is.
func (o Options) file(path, label string) Source {
	s := Source{Path: path, Label: filepath.ToSlash(label), Format: o.Format}
	if s.Format == "" || s.Format == "auto" {
		s.Format, s.Err = formatOf(path)
	}
	if s.Format == "folder" {
		s.Err = errors.New("it is no folder")
	}
	if beside := strings.TrimSuffix(path, ".tar") + ".parquet"; s.Format == "tar" && beside != path+".parquet" {
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			s.Beside = []string{beside}
		}
	}
	if s.Err != nil {
		s.Err = &FileError{Path: path, Err: s.Err}
	}
	return s
}

// withoutBeside leaves out files that are read with the tar or folder that they lie
// beside.
func withoutBeside(all []Source) []Source {
	beside := map[string]bool{}
	for _, s := range all {
		for _, b := range s.Beside {
			beside[b] = true
		}
	}
	return slices.DeleteFunc(all, func(s Source) bool { return beside[s.Path] })
}

// inFolder are the sources of a folder.
func (o Options) inFolder(folder string) ([]Source, error) {
	tables, unsure, pictures := []Source{}, []string{}, false
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != folder && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
		case isPicture(e.Name()):
			pictures = true
			if o.Format == "folder" {
				return fs.SkipAll
			}
		case isTable(e.Name()) && isFile(path, e):
			label, err := filepath.Rel(folder, path)
			if err != nil {
				return err
			}
			tables = append(tables, Source{Path: path, Label: filepath.ToSlash(label)})
		case mayBeTable(e.Name()) && isFile(path, e):
			unsure = append(unsure, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if pictures || o.Format == "folder" {
		s := Source{Path: folder, Label: filepath.Base(folder), Format: "folder"}
		for _, t := range tables {
			if strings.HasSuffix(t.Path, ".parquet") && filepath.Base(t.Path) != "metadata.parquet" && t.Path != o.captions() {
				s.Beside = append(s.Beside, t.Path)
			} else if !slices.Contains(metadataNames, filepath.Base(t.Path)) && t.Path != o.captions() {
				s.Unread = append(s.Unread, t.Path)
			}
		}
		return []Source{s}, nil
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("%s %w; name the files themselves, with --format where their names do not tell", folder, ErrEmpty)
	}
	for i, t := range tables {
		tables[i] = o.file(t.Path, t.Label)
	}
	tables[0].Unread = unsure
	return tables, nil
}

// isFile tells whether an entry of a folder is a file, or a link to one: caches of
// data sets hold links.
func isFile(path string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// captions is the absolute path of the table of captions.
func (o Options) captions() string {
	if o.Captions == "" {
		return ""
	}
	path, err := filepath.Abs(o.Captions)
	if err != nil {
		return o.Captions
	}
	return path
}

// isTable tells a list by its name, in a folder that has other files too.
func isTable(name string) bool {
	name = strings.ToLower(withoutCoding(name))
	for _, end := range []string{".tar", ".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".arrow"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// notLists are the JSON files that programs write beside lists and that say of them what
// columns and files they have, such as datasets' save_to_disk; names that begin with _ are
// of their kind by custom.
var notLists = []string{"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"}

// mayBeTable tells what may be a list or something else, such as notes or what
// img2dataset says of its run.
func mayBeTable(name string) bool {
	name = strings.ToLower(withoutCoding(name))
	return slices.Contains([]string{".txt", ".json", ".feather", ".ipc"}, filepath.Ext(name)) &&
		!strings.HasSuffix(name, "_stats.json") && !strings.HasPrefix(name, "_") && !slices.Contains(notLists, name)
}

// Fingerprint tells the source from others: its label and path, which candidates name,
// and of its files length, both ends and time; of a folder each file's path, length and
// time.
func (s Source) Fingerprint() (uint64, error) {
	if s.Err != nil {
		return 0, s.Err
	}
	d := xxhash.New()
	fmt.Fprintf(d, "%s\n%s\n%s\n", s.Label, s.Path, s.Format)
	for _, path := range append([]string{s.Path}, s.Beside...) {
		if path == s.Path && s.Format == "folder" {
			if err := filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				info, err := e.Info()
				if err == nil {
					fmt.Fprintf(d, "%s\n%d %d\n", at, info.Size(), info.ModTime().UnixNano())
				}
				return err
			}); err != nil {
				return 0, err
			}
			continue
		}
		f, info, err := places.Open(path)
		if err != nil {
			return 0, err
		}
		print, err := places.Fingerprint(f, info.Size(), places.ContainerEnds)
		f.Close()
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		fmt.Fprintf(d, "%016x %d\n", print, info.ModTime().Unix()) // which candidates are dated by
	}
	return d.Sum64(), nil
}

// Size is the bytes that Read will report, 0 for a folder, whose pictures are not read.
func (s Source) Size() (n int64) {
	for _, path := range append([]string{s.Path}, s.Beside...) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}

// Read reads a source, as a part of the list of that name.
func Read(s Source, list string, o Options, sink Sink) error {
	k := &candidates{sink: &sink, list: list}
	if info, err := os.Stat(s.Path); err == nil {
		k.modified = info.ModTime().Unix()
	}
	var err error
	switch s.Format {
	case "parquet":
		err = readParquet(k, s, &o)
	case "arrow":
		err = readArrow(k, s, &o)
	case "tar":
		err = readTar(k, s, &o)
	case "folder":
		err = readFolder(k, s, &o)
	default:
		err = readText(k, s, &o)
	}
	var named *FileError
	var ours *sinkFault
	switch {
	case errors.As(err, &ours):
		return ours.err
	case err == nil || errors.As(err, &named):
		return err
	}
	return &FileError{Path: s.Path, Err: err}
}
