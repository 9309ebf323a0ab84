package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// folderWriter writes a stage's folder: parts one after another, the manifest
// last.
type folderWriter[T shard.Record] struct {
	path     string
	origin   shard.Origin
	manifest shard.Manifest
	current  *shard.PartWriter[T]
}

// newFolderWriter empties the stage's folder of what an earlier run wrote and
// makes ready to write it anew.
func newFolderWriter[T shard.Record](s Stage) (*folderWriter[T], error) {
	f, err := resumeFolder[T](s)
	if err != nil {
		return nil, err
	}
	return f, shard.Clear(f.path, func(string) bool { return false })
}

// resumeFolder makes ready to go on writing the stage's folder. The caller
// decides what of it stays.
func resumeFolder[T shard.Record](s Stage) (*folderWriter[T], error) {
	origin, err := s.origin()
	if err != nil {
		return nil, err
	}
	return &folderWriter[T]{
		path: s.path(), origin: origin,
		manifest: shard.Manifest{Stage: origin.Stage, Settings: origin.Settings, Input: origin.Input},
	}, nil
}

// rows is the number of rows in the part that is being written.
func (f *folderWriter[T]) rows() int {
	if f.current == nil {
		return 0
	}
	return int(f.current.Rows())
}

// write appends a row to the current part, or begins the next one with it.
func (f *folderWriter[T]) write(row *T) error {
	if err := f.begin(); err != nil {
		return err
	}
	return f.current.Write(row)
}

// writeWire is write for a row that shard.AppendRow wrote.
func (f *folderWriter[T]) writeWire(row []byte) error {
	if err := f.begin(); err != nil {
		return err
	}
	return f.current.WriteWire(row)
}

// begin makes sure that there is a current part.
func (f *folderWriter[T]) begin() (err error) {
	if f.current == nil {
		f.current, err = shard.CreatePart[T](f.path, partName(len(f.manifest.Parts)), f.origin)
	}
	return err
}

func (f *folderWriter[T]) endPart() error {
	if f.current == nil {
		return nil
	}
	part, err := f.current.Close()
	f.current = nil
	if err != nil {
		return err
	}
	f.manifest.Parts = append(f.manifest.Parts, part)
	return nil
}

// finish ends the last part and writes the manifest; decided, where it is not
// nil, are the settings that explain needs, and files the names of files beside the
// parts.
func (f *folderWriter[T]) finish(tally *shard.Tally, decided any, files ...string) error {
	if err := f.endPart(); err != nil {
		return err
	}
	f.manifest.Tally = tally
	if err := addFiles(&f.manifest, f.path, files); err != nil {
		return err
	}
	if decided != nil {
		f.manifest.Options = settings.Values(decided)
	}
	return shard.WriteManifest(f.path, &f.manifest)
}

// addFiles names the files of the folder in its manifest.
func addFiles(m *shard.Manifest, folder string, names []string) error {
	for _, name := range names {
		file, err := shard.SumFile(folder, name)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, file)
	}
	return nil
}

// discard drops the part that is being written, if any; for defer.
func (f *folderWriter[T]) discard() {
	if f.current != nil {
		f.current.Discard()
		f.current = nil
	}
}

// partName is the name of part i of a numbered folder.
func partName(i int) string { return fmt.Sprintf("part-%05d.arrow", i) }

// partNumber is the i of partName; false for other names.
func partNumber(name string) (i int, ok bool) {
	digits, ok := strings.CutPrefix(name, "part-")
	if !ok {
		return 0, false
	}
	if _, err := fmt.Sscanf(digits, "%d.arrow", &i); err != nil {
		return 0, false
	}
	return i, partName(i) == name
}

// partFiles lists the numbers of the numbered parts that lie in folder,
// ascending, whether or not a manifest names them.
func partFiles(folder string) ([]int, error) {
	names, err := filepath.Glob(filepath.Join(folder, "part-*.arrow"))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, name := range names {
		if i, ok := partNumber(filepath.Base(name)); ok {
			numbers = append(numbers, i)
		}
	}
	return numbers, nil
}

// exists tells whether there is a file at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
