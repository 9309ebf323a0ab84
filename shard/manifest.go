package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// ManifestName is the file that makes a folder of parts finished. Like all files of
// ours among parts its name begins with a line: pyarrow, Spark and Hadoop pass over
// such files when they read a folder.
const ManifestName = "_MANIFEST.json"

// oldManifestName is the manifest's name up to 0.1. It is read where there is no
// other; who writes the folder gives it its new name.
const oldManifestName = "MANIFEST.json"

// manifestFormat is the version of the manifest.
//
//	1  first version
//	2  parts have the sums of their batches, files beside them a sum, stages their
//	   options
//	3  shards have generations, with deletion vectors and indexes; a sum of the manifest
//
// Manifests from 1 on are read; what they lack is not checked.
const manifestFormat = 3

// Part is one part as its folder's manifest names it.
type Part struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	XXH64 string `json:"xxh64"` // of the whole file, 16 hexadecimal digits
	// Batches are xxhash64 sums, 16 hexadecimal digits each, of stretches that
	// make up the whole file: one up to the end of each record batch, and one of
	// the rest. With them a reader can tell damage in what it uses without
	// reading all.
	Batches []string `json:"batches,omitempty"`
	// Facts are sums of each batch of a part with pictures without these: of the
	// buffers of the other columns, one behind the other, so that who reads
	// those alone can tell damage in them.
	Facts []string `json:"facts,omitempty"`
	// Generation is the number of the generation that a shard, or a deletion vector,
	// came with; 0 in other folders and in shards from before there were any.
	Generation int `json:"generation,omitempty"`
}

// Manifest is the table of contents of a finished folder, and the account of
// the stage that wrote it.
type Manifest struct {
	Format   int    `json:"format"`
	Stage    string `json:"stage"`
	Settings string `json:"settings"` // hash of the stage's settings
	Input    string `json:"input"`    // hash of the manifests it was made from
	// Options are the settings themselves, where it must be possible to tell
	// later what decided: keys as in pairloom.yaml, values as JSON.
	Options map[string]json.RawMessage `json:"options,omitempty"`
	Tally   *Tally                     `json:"tally"`
	Parts   []Part                     `json:"parts"`
	// Generations and Deletions are those of a dataset's shards, oldest first; see
	// [Dataset]. Indexes are of [Place]; readers do without them.
	Generations []Generation `json:"generations,omitempty"`
	Deletions   []Part       `json:"deletions,omitempty"`
	Indexes     []Part       `json:"indexes,omitempty"`
	Files       []File       `json:"files,omitempty"` // those that are no parts
	// Sum is the xxhash64 of the manifest without it, 16 hexadecimal digits; "" in those
	// of formats before 3.
	Sum string `json:"xxh64,omitempty"`
}

// AsWritten tells whether the file of the folder is the manifest as [WriteManifest]
// wrote it, which its reading does not ask. Of a format before 3 it cannot be told.
func (m *Manifest) AsWritten(folder string) bool {
	if m.Format < 3 {
		return true
	}
	data, err := os.ReadFile(filepath.Join(folder, ManifestName))
	return err == nil && m.Sum == m.sum() && bytes.Equal(data, m.encode())
}

func (m *Manifest) sum() string {
	plain := *m
	plain.Sum = ""
	return plain.Hash()
}

// File is a file beside the parts, such as a report's page.
type File struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	XXH64 string `json:"xxh64"` // 16 hexadecimal digits
}

// SumFile reads a file of folder and says all of it.
func SumFile(folder, name string) (File, error) {
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return File{}, fmt.Errorf("sum %s: %w", filepath.Join(folder, name), err)
	}
	return FileOf(name, data), nil
}

// FileOf is the file of that name and content.
func FileOf(name string, data []byte) File { return File{name, int64(len(data)), sum(data)} }

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
	m.Sum = m.sum()
	if err := atomicfile.WriteFile(filepath.Join(folder, ManifestName), m.encode()); err != nil {
		return err
	}
	return removeOldManifest(folder)
}

// removeOldManifest removes a manifest of the old name, which counts for nothing
// beside one of the new.
func removeOldManifest(folder string) error {
	if err := os.Remove(filepath.Join(folder, oldManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the manifest of an older version: %w", err)
	}
	return nil
}

// RenewManifestName gives a folder's manifest that lies under the name that it had up
// to 0.1 its present one. Where there is none, nothing is done.
func RenewManifestName(folder string) error {
	if _, err := os.Lstat(filepath.Join(folder, ManifestName)); err == nil {
		return removeOldManifest(folder)
	}
	err := os.Rename(filepath.Join(folder, oldManifestName), filepath.Join(folder, ManifestName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bring the manifest of %s into today's layout: %w", folder, err)
	}
	return atomicfile.SyncFolder(folder)
}

// IsFinished tells whether there is a manifest in folder.
func IsFinished(folder string) bool {
	for _, name := range []string{ManifestName, oldManifestName} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	return false
}

// ErrUnfinished is wrapped by ReadManifest when the folder has no manifest.
var ErrUnfinished = errors.New("not finished")

// A DamagedPart says which part, or file beside parts, cannot be trusted, why, and what to do.
type DamagedPart struct {
	Path  string
	Cause string
	Cure  string
}

func (e *DamagedPart) Error() string {
	what := "open"
	if filepath.Ext(e.Path) == ".arrow" {
		what = "open part"
	}
	return fmt.Sprintf("%s %s: %s; %s", what, e.Path, e.Cause, e.Cure)
}

// cure tells how to make the part at path anew.
func cure(path string) string {
	command := Maker(filepath.Dir(path))
	if command == "" {
		return "delete it and run the stage that wrote it again"
	}
	return fmt.Sprintf("delete it and run pairloom %s, which makes what is missing again", command)
}

// ReadManifest reads the manifest of folder and checks that each part and file it
// names is there with the size it should have.
func ReadManifest(folder string) (*Manifest, error) {
	m, err := ReadManifestAlone(folder)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(m.Parts, m.Deletions) {
		if err := present(folder, p.Name, p.Bytes); err != nil {
			return nil, err
		}
	}
	for _, f := range m.Files {
		if err := present(folder, f.Name, f.Bytes); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// present looks for a file of that size.
func present(folder, name string, size int64) error {
	path := filepath.Join(folder, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		maker := Maker(filepath.Dir(path))
		return &DamagedPart{path, "it is missing", "run pairloom " + maker + ", which makes what is missing again"}
	}
	if err != nil {
		return fmt.Errorf("look for part: %w; it must be readable", err)
	}
	if info.Size() != size {
		return &DamagedPart{path, fmt.Sprintf("it has %d bytes, but the manifest says %d", info.Size(), size), cure(path)}
	}
	return nil
}

// ReadManifestAlone reads the manifest of folder, whatever became of the parts
// that it names.
func ReadManifestAlone(folder string) (*Manifest, error) {
	path := filepath.Join(folder, ManifestName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(folder, oldManifestName))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", path, ErrUnfinished)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	// A newer format is told as such, whatever else is in it.
	var version struct{ Format int }
	if err := json.Unmarshal(data, &version); err == nil && version.Format < 1 {
		return nil, damagedManifest(path, fmt.Sprintf("it has format %d, which there never was", version.Format))
	} else if err == nil && version.Format > manifestFormat {
		err := fmt.Errorf("read %s: format %d, but this pairloom reads formats 1 to %d; update pairloom", path, version.Format, manifestFormat)
		return nil, newerManifest{err}
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, damagedManifest(path, err.Error())
	}
	if m.Tally == nil {
		return nil, damagedManifest(path, "it has no tally")
	}
	for _, p := range slices.Concat(m.Parts, m.Deletions, m.Indexes) {
		if p.Name != filepath.Base(p.Name) {
			return nil, damagedManifest(path, fmt.Sprintf("part name %q leads out of the folder", p.Name))
		}
	}
	for _, f := range m.Files {
		if f.Name != filepath.Base(f.Name) {
			return nil, damagedManifest(path, fmt.Sprintf("file name %q leads out of the folder", f.Name))
		}
	}
	return m, nil
}

// damagedManifest is the error of a manifest whose text is not what was written.
func damagedManifest(path, cause string) *DamagedPart {
	again := "the stage that wrote it"
	if command := Maker(filepath.Dir(path)); command != "" {
		again = "pairloom " + command
	}
	return &DamagedPart{path, cause, "delete it and run " + again + " again"}
}

// newerManifest is an error that is [ErrNewer] too.
type newerManifest struct{ error }

func (newerManifest) Is(target error) bool { return target == ErrNewer }

// Verify reads the part from end to end and compares its sums with the
// manifest's. What differs is named as far as the manifest allows: the batch, or
// the file.
func (p Part) Verify(folder string) error {
	path := filepath.Join(folder, p.Name)
	found, err := sumPart(path)
	if err != nil {
		return &DamagedPart{path, err.Error(), cure(path)}
	}
	for i := range p.Batches {
		if i >= len(found.Batches) || found.Batches[i] != p.Batches[i] {
			return p.differs(path, i)
		}
	}
	if len(p.Facts) > 0 && !slices.Equal(found.Facts, p.Facts) {
		return &DamagedPart{path, "checksums of its facts differ from the manifest", cure(path)}
	}
	if found.XXH64 != p.XXH64 {
		return &DamagedPart{path, fmt.Sprintf("its checksum is %s, but the manifest says %s", found.XXH64, p.XXH64), cure(path)}
	}
	return nil
}

// differs is the error of stretch i of the part's sums.
func (p Part) differs(path string, i int) *DamagedPart {
	what := fmt.Sprintf("checksum of batch %d differs from the manifest", i)
	if i == len(p.Batches)-1 {
		what = "checksum of its end differs from the manifest"
	}
	return &DamagedPart{path, what, cure(path)}
}

// sumPart reads the part at path and says all of it but its number of rows.
func sumPart(path string) (Part, error) {
	m, err := mapFile(path)
	if err != nil {
		return Part{}, err
	}
	defer m.close()
	blocks, err := m.blocks()
	if err != nil {
		return Part{}, err
	}
	p := Part{Name: filepath.Base(path), Bytes: int64(len(m)), XXH64: sum(m)}
	schema, err := m.schema()
	if err != nil {
		return Part{}, err
	}
	for i := range len(blocks) + 1 {
		stretch, err := m.stretch(blocks, i)
		if err != nil {
			return Part{}, err
		}
		p.Batches = append(p.Batches, sum(stretch))
		if i == len(blocks) || !schema.pictures() {
			continue
		}
		raw, err := m.batch(blocks[i])
		if err != nil {
			return Part{}, err
		}
		facts, err := raw.facts(schema)
		if err != nil {
			return Part{}, err
		}
		p.Facts = append(p.Facts, facts)
	}
	return p, nil
}

// pictures tells whether a column holds bytes.
func (s *fileSchema) pictures() bool {
	return slices.ContainsFunc(s.fields, func(f schemaField) bool { return f.kind == kindBytes })
}

// facts sums the buffers of all columns but those of bytes; see Part.Facts.
func (b *batch) facts(s fileSchema) (string, error) {
	d := xxhash.New()
	next := 0
	for _, f := range s.fields {
		for k := range f.kind.buffers() {
			if f.kind == kindBytes {
				continue
			}
			data, err := b.bytes(next+k, nil)
			if err != nil {
				return "", err
			}
			d.Write(data)
		}
		next += f.kind.buffers()
	}
	return fmt.Sprintf("%016x", d.Sum64()), nil
}

// stretch is what sum i of a part's is of.
func (m mapping) stretch(blocks []block, i int) ([]byte, error) {
	start, end := int64(0), int64(len(m))
	if i > 0 {
		start = blocks[i-1].end()
	}
	if i < len(blocks) {
		end = blocks[i].end()
	}
	return m.slice(start, end-start)
}

func sum(data []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(data)) }

// Recover looks for a part that an earlier, killed run of the same stage
// completed. It returns false when there is none, or when it was made with
// other settings, from other input, or is damaged; such a part is to be made
// again.
func Recover[T Record](folder, name string, origin Origin) (Part, bool, error) {
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		return Part{}, false, nil
	}
	r, err := OpenFile[T](path)
	if err != nil {
		return Part{}, false, nil
	}
	defer r.Close()
	if r.Origin() != origin {
		return Part{}, false, nil
	}
	part, err := sumPart(path)
	if err != nil {
		return Part{}, false, err
	}
	part.Rows = int64(r.Len())
	return part, true, nil
}
