package main

import (
	"fmt"
	"path/filepath"

	"github.com/pairloom/pairloom/shard"
)

// folderWriter writes a stage's folder: parts one after another, the manifest
// last.
type folderWriter[T shard.Record] struct {
	path     string
	manifest shard.Manifest
	current  *shard.PartWriter[T]
}

// newFolderWriter empties the stage's folder of what an earlier run wrote and
// makes ready to write it anew.
func newFolderWriter[T shard.Record](w *workspace, name string) (*folderWriter[T], error) {
	f, err := resumeFolder[T](w, name)
	if err != nil {
		return nil, err
	}
	return f, shard.Clear(f.path, func(string) bool { return false })
}

// resumeFolder makes ready to go on writing the stage's folder. The caller
// decides what of it stays.
func resumeFolder[T shard.Record](w *workspace, name string) (*folderWriter[T], error) {
	s := stageNamed(name)
	input, err := w.inputHash(s)
	if err != nil {
		return nil, err
	}
	settings, err := s.settings(w)
	if err != nil {
		return nil, err
	}
	return &folderWriter[T]{
		path:     w.path(s.folder),
		manifest: shard.Manifest{Stage: name, Settings: settings, Input: input},
	}, nil
}

func (f *folderWriter[T]) origin() shard.Origin {
	return shard.Origin{Stage: f.manifest.Stage, Settings: f.manifest.Settings, Input: f.manifest.Input}
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
	return f.writePart(partName(len(f.manifest.Parts)), f.origin(), row)
}

// writePart is write for a part of the given name and origin.
func (f *folderWriter[T]) writePart(name string, origin shard.Origin, row *T) error {
	if f.current == nil {
		var err error
		if f.current, err = shard.CreatePart[T](f.path, name, origin); err != nil {
			return err
		}
	}
	return f.current.Write(row)
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

// finish ends the last part and writes the manifest.
func (f *folderWriter[T]) finish(tally *shard.Tally) error {
	if err := f.endPart(); err != nil {
		return err
	}
	f.manifest.Tally = tally
	return shard.WriteManifest(f.path, &f.manifest)
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

// partPath is the path of part i of a numbered folder.
func partPath(folder string, i int) string { return filepath.Join(folder, partName(i)) }
