package evaluate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
)

// Set is labelled pictures.
type Set struct {
	Name     string // as the configuration writes it
	Labels   []string
	Pictures Pictures
	Class    []int // of each picture
	// Left counts, by reason, what the set holds beside its pictures.
	Left map[string]int64

	pair  func(i int) (shard.Pair, error) // of each picture, where they are held-out pairs; else nil
	close func() error                    // may be nil
}

// Close closes what the pictures are read from.
func (s *Set) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// setKinds are the words before the colon of a set. The path in Labels is whole.
var setKinds = map[string]func(paths []string, o Options) (*Set, error){
	"folder": func(paths []string, o Options) (*Set, error) { return openFolder(paths, o.Convert) },
	"mnist":  func(paths []string, _ Options) (*Set, error) { return openMNIST(paths) },
	"cifar10": func(paths []string, _ Options) (*Set, error) {
		return openCIFAR(paths, 1, "batches.meta.txt", 10)
	},
	"cifar100": func(paths []string, _ Options) (*Set, error) {
		return openCIFAR(paths, 2, "fine_label_names.txt", 100)
	},
	"parquet": func(paths []string, o Options) (*Set, error) { return openParquet(paths, o.Convert) },
	"shards": func(paths []string, o Options) (*Set, error) {
		return openPairs(paths[0], batch.HeldOut, o.Labels)
	},
	"training": func(paths []string, o Options) (*Set, error) {
		return openPairs(paths[0], batch.Training, o.Labels)
	},
}

// pathsOf is the number of paths of those kinds that have no list of files.
var pathsOf = map[string]int{"folder": 1, "mnist": 2, "shards": 1, "training": 1}

func parseSet(spec string) (kind string, paths []string, err error) {
	kind, rest, found := strings.Cut(spec, ":")
	if setKinds[kind] == nil || !found || rest == "" {
		return "", nil, fmt.Errorf("sets: %q given; folder:PATH, mnist:IMAGES,LABELS, cifar10:FILE,..., cifar100:FILE,..., parquet:FILE,..., shards:FOLDER or training:FOLDER expected", spec)
	}
	paths = strings.Split(rest, ",")
	if want := pathsOf[kind]; want > 0 && len(paths) != want {
		return "", nil, fmt.Errorf("sets: %q names %d paths; %s takes %d", spec, len(paths), kind, want)
	}
	return kind, paths, nil
}

// within is a path that may be relative to dir.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// OpenSet reads a class set as the configuration writes it; its paths are
// relative to dir.
func OpenSet(dir, spec string, o Options) (*Set, error) {
	kind, paths, err := parseSet(spec)
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		paths[i] = within(dir, p)
	}
	if o.Labels != "" {
		o.Labels = within(dir, o.Labels)
	}
	s, err := setKinds[kind](paths, o)
	if err != nil {
		return nil, fmt.Errorf("open set %s: %w", spec, err)
	}
	s.Name = spec
	if s.Pictures.Len() == 0 {
		err = fmt.Errorf("open set %s: it has no picture", spec)
	} else if o.Labels != "" {
		err = s.rename(o.Labels)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// rename gives the classes the labels of a file: a line a class, or class, tab
// and label. A class of the file that the set lacks is a class without pictures.
func (s *Set) rename(path string) error {
	list, err := readLabels(path)
	if err != nil {
		return err
	}
	if !strings.Contains(list[0].Text, "\t") {
		if len(list) < len(s.Labels) {
			return fmt.Errorf("read labels %s: it has %d lines, but %s has %d classes", path, len(list), s.Name, len(s.Labels))
		}
		s.Labels = texts(list)
		return nil
	}
	number := map[string]int{}
	for i, l := range s.Labels {
		number[l] = i
	}
	named := make([]bool, len(s.Labels))
	for _, line := range list {
		class, label, found := strings.Cut(line.Text, "\t")
		if !found {
			return fmt.Errorf("read labels %s: line %d has no tab, unlike the first", path, line.Number)
		}
		if k, there := number[class]; there {
			s.Labels[k], named[k] = strings.TrimSpace(label), true
		} else {
			s.Labels = append(s.Labels, strings.TrimSpace(label))
		}
	}
	if k := slices.Index(named, false); k >= 0 {
		return fmt.Errorf("read labels %s: no line is of the class %q of %s", path, s.Labels[k], s.Name)
	}
	if err := checkLabels(numberedLines(s.Labels)); err != nil {
		return fmt.Errorf("read labels %s: in the set's order, %w", path, err)
	}
	return nil
}

var errNoClass = errors.New("it has no subfolder; make one for each class")

// openFolder reads a folder with a subfolder for each class; an underscore in
// its name stands for a space. Files that are in no class, and those of
// [SystemFile], are counted.
func openFolder(paths []string, convert Convert) (*Set, error) {
	root := paths[0]
	files, left, err := PictureFiles(root)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	s := &Set{Left: left}
	classes := map[string]int{} // by the name of the folder
	for _, entry := range entries {
		if entry.IsDir() && !system(entry.Name()) {
			classes[entry.Name()] = len(s.Labels)
			s.Labels = append(s.Labels, strings.ReplaceAll(entry.Name(), "_", " "))
		}
	}
	if len(s.Labels) == 0 {
		return nil, errNoClass
	}
	if err := checkLabels(numberedLines(s.Labels)); err != nil {
		return nil, err
	}
	pictures := &FilePictures{Convert: convert}
	for _, path := range files {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		folder, _, within := strings.Cut(name, string(filepath.Separator))
		if !within {
			s.Left[NoClass]++
			continue
		}
		pictures.Paths = append(pictures.Paths, path)
		s.Class = append(s.Class, classes[folder])
	}
	s.Pictures = pictures
	return s, nil
}
