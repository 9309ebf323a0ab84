package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// ManifestName is the file that makes a folder of parts finished.
const ManifestName = "MANIFEST.json"

// manifestFormat is the version of the manifest.
//
//	1  first version
const manifestFormat = 1

// Part is one part as its folder's manifest names it.
type Part struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	XXH64 string `json:"xxh64"` // of the whole file, 16 hexadecimal digits
}

// Manifest is the table of contents of a finished folder, and the account of
// the stage that wrote it.
type Manifest struct {
	Format   int    `json:"format"`
	Stage    string `json:"stage"`
	Settings string `json:"settings"` // hash of the stage's settings
	Input    string `json:"input"`    // hash of the manifests it was made from
	Tally    *Tally `json:"tally"`
	Parts    []Part `json:"parts"`
}

// Rows is the number of rows of all parts.
func (m *Manifest) Rows() int64 {
	var n int64
	for _, p := range m.Parts {
		n += p.Rows
	}
	return n
}

// Hash is the xxhash64 of the manifest as written. It stands for the content
// of the whole folder, since the manifest holds the hash of each part.
func (m *Manifest) Hash() string { return fmt.Sprintf("%016x", xxhash.Sum64(m.encode())) }

func (m *Manifest) encode() []byte {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // plain strings and numbers always encode
	}
	return append(data, '\n')
}

// WriteManifest checks the tally and finishes the folder.
func WriteManifest(folder string, m *Manifest) error {
	if err := m.Tally.Check(); err != nil {
		return err
	}
	m.Format = manifestFormat
	if m.Parts == nil {
		m.Parts = []Part{}
	}
	return atomicfile.WriteFile(filepath.Join(folder, ManifestName), m.encode())
}

// ErrUnfinished is wrapped by ReadManifest when the folder has no manifest.
var ErrUnfinished = errors.New("not finished")

// A DamagedPart says which part cannot be trusted, why, and what to do.
type DamagedPart struct {
	Path  string
	Cause string
	Cure  string
}

func (e *DamagedPart) Error() string {
	return fmt.Sprintf("open part %s: %s; %s", e.Path, e.Cause, e.Cure)
}

// cure tells how to make a part of the folder anew.
func cure(path string) string {
	folder := filepath.Base(filepath.Dir(path))
	command := map[string]string{
		"candidates": "crawl", "matched": "match", "images": "fetch", "selection": "curate", "shards": "shard",
	}[folder]
	if command == "" {
		return "delete it and run the stage that wrote it again"
	}
	return fmt.Sprintf("delete it and run pairloom %s, which makes what is missing again", command)
}

// ReadManifest reads the manifest of folder and checks that each part it names
// is there with the size it should have.
func ReadManifest(folder string) (*Manifest, error) {
	path := filepath.Join(folder, ManifestName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", path, ErrUnfinished)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("read %s: %w; delete it and run the stage again", path, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("read %s: format %d, but this pairloom reads format %d", path, m.Format, manifestFormat)
	}
	if m.Tally == nil {
		return nil, fmt.Errorf("read %s: it has no tally; delete it and run the stage again", path)
	}
	for _, p := range m.Parts {
		if p.Name != filepath.Base(p.Name) {
			return nil, fmt.Errorf("read %s: part name %q leads out of the folder", path, p.Name)
		}
		partPath := filepath.Join(folder, p.Name)
		info, err := os.Stat(partPath)
		if err != nil {
			return nil, &DamagedPart{partPath, "it is missing", cure(partPath)}
		}
		if info.Size() != p.Bytes {
			return nil, &DamagedPart{partPath, fmt.Sprintf("it has %d bytes, but the manifest says %d", info.Size(), p.Bytes), cure(partPath)}
		}
	}
	return m, nil
}

// Verify reads the part and compares its hash with the manifest's.
func (p Part) Verify(folder string) error {
	path := filepath.Join(folder, p.Name)
	sum, _, err := hashFile(path)
	if err != nil {
		return err
	}
	if sum != p.XXH64 {
		return &DamagedPart{path, fmt.Sprintf("its xxhash64 is %s, but the manifest says %s", sum, p.XXH64), cure(path)}
	}
	return nil
}

func hashFile(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("hash part: %w", err)
	}
	defer f.Close()
	d := xxhash.New()
	if size, err = io.Copy(d, f); err != nil {
		return "", 0, fmt.Errorf("hash part %s: %w", path, err)
	}
	return fmt.Sprintf("%016x", d.Sum64()), size, nil
}

// Recover looks for a part that an earlier, killed run of the same stage
// completed. It returns false when there is none, or when it was made with
// other settings, from other input, or is damaged; such a part is to be made
// again.
func Recover[T Record](folder, name string, origin Origin) (Part, bool, error) {
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		return Part{}, false, nil
	}
	r, err := OpenPart[T](path)
	if err != nil {
		return Part{}, false, nil
	}
	defer r.Close()
	if r.Origin() != origin {
		return Part{}, false, nil
	}
	sum, size, err := hashFile(path)
	if err != nil {
		return Part{}, false, err
	}
	return Part{Name: name, Rows: int64(r.Len()), Bytes: size, XXH64: sum}, true, nil
}
