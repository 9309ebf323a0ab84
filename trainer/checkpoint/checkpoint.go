package checkpoint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
)

// Names of the files of a checkpoint.
const (
	WeightsName    = "model.safetensors" // of the weights
	VocabularyName = "vocabulary.txt"    // of what its tokens mean
	AverageName    = "ema.safetensors"   // of their fading average
	momentsName    = "optimizer.safetensors"
	stateName      = "state.json"
)

// Content is what a checkpoint holds.
type Content struct {
	State      State
	Weights    []Tensor
	Average    []Tensor // fading average of the weights; nil for none
	Moments    []Tensor // nil in a checkpoint that no run goes on from
	Vocabulary []byte
	Others     map[string][]byte // by name, what other programs read beside the weights
}

var (
	stepName = regexp.MustCompile(`^step-[0-9]{8,}$`)
	bestName = regexp.MustCompile(`^best-[0-9]{8,}$`)
)

// Save writes a checkpoint into folder and removes all but the newest keep.
// Killed at any moment, it leaves those that were there; so it does after an
// error, when what it had written is removed.
func Save(folder string, c Content, keep int) error {
	if err := write(filepath.Join(folder, fmt.Sprintf("step-%08d", c.State.Step)), c); err != nil {
		return err
	}
	return prune(folder, stepName, keep)
}

// bestLink leads to the folder of the best checkpoint.
const bestLink = "best"

// SaveBest writes a checkpoint that Save does not remove: into a folder best-STEP
// beside the others, to which the link best leads as soon as it is whole. The
// best one before it is removed after that. One of that step that is there
// already, of a run that was killed and is at this step again, is kept.
func SaveBest(folder string, c Content) error {
	name := fmt.Sprintf("best-%08d", c.State.Step)
	path := filepath.Join(folder, name)
	if there, err := open(path); err != nil || !there.State.sameRun(c.State) {
		if err := write(path, c); err != nil {
			return err
		}
	}
	link := filepath.Join(folder, bestLink)
	os.Remove(link + atomicfile.Suffix) // of a run that was killed
	err := os.Symlink(name, link+atomicfile.Suffix)
	if err == nil {
		err = os.Rename(link+atomicfile.Suffix, link)
	}
	if err != nil {
		return fmt.Errorf("link the best checkpoint: %w", err)
	}
	if err := atomicfile.SyncFolder(folder); err != nil { // the link must lead on before the old one goes
		return err
	}
	return prune(folder, bestName, 1)
}

// write makes the folder of one checkpoint, its state last.
func write(path string, c Content) (err error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(path) // what is whole without it is there still
		}
	}()
	// A folder of this step may be there, unfinished or from a run that is
	// done again: it must not count while its files change.
	if err := removeState(path); err != nil {
		return err
	}
	c.State.Format = stateFormat
	c.State.Files = map[string]File{}
	metadata := map[string]string{"format": "pt", "model": c.State.Model.Name}
	for _, f := range []struct {
		name    string
		tensors []Tensor
	}{{WeightsName, c.Weights}, {AverageName, c.Average}, {momentsName, c.Moments}} {
		if f.tensors == nil {
			continue
		}
		file, err := writeFile(filepath.Join(path, f.name), func(w io.Writer) error { return Encode(w, f.tensors, metadata) })
		if err != nil {
			return err
		}
		c.State.Files[f.name] = file
	}
	texts := maps.Clone(c.Others)
	if texts == nil {
		texts = map[string][]byte{}
	}
	texts[VocabularyName] = c.Vocabulary
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		file, err := writeFile(filepath.Join(path, name), func(w io.Writer) error { _, err := w.Write(texts[name]); return err })
		if err != nil {
			return err
		}
		c.State.Files[name] = file
	}
	text, err := c.State.Encode()
	if err != nil {
		return fmt.Errorf("save checkpoint %s: %w", path, err)
	}
	if err := atomicfile.SyncFolder(path); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(path, stateName), text); err != nil {
		return err
	}
	return atomicfile.SyncFolder(filepath.Dir(path))
}

// writeFile writes a file and says what it holds.
func writeFile(path string, write func(io.Writer) error) (File, error) {
	counted := &counter{}
	counted.hash.Reset()
	err := atomicfile.WriteStream(path, func(f io.Writer) error {
		counted.w = f
		buffer := bufio.NewWriterSize(counted, 1<<20)
		if err := write(buffer); err != nil {
			return err
		}
		return buffer.Flush()
	})
	return File{counted.n, fmt.Sprintf("%016x", counted.hash.Sum64())}, err
}

type counter struct {
	w    io.Writer
	hash xxhash.Digest
	n    int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	return n, err
}

func removeState(path string) error {
	err := os.Remove(filepath.Join(path, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove checkpoint: %w", err)
	}
	return atomicfile.SyncFolder(path)
}

// names lists the folders that match, newest last; an absent folder has none.
func names(folder string, pattern *regexp.Regexp) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && pattern.MatchString(e.Name()) {
			found = append(found, e.Name())
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	return found, nil
}

func complete(path string) bool {
	_, err := os.Stat(filepath.Join(path, stateName))
	return err == nil
}

// prune keeps the newest keep checkpoints, and removes unfinished ones.
func prune(folder string, pattern *regexp.Regexp, keep int) error {
	all, err := names(folder, pattern)
	if err != nil {
		return err
	}
	kept := 0
	for _, name := range slices.Backward(all) {
		path := filepath.Join(folder, name)
		if complete(path) && kept < keep {
			kept++
			continue
		}
		if err := remove(path); err != nil {
			return err
		}
	}
	return nil
}

// ErrNone is wrapped by Latest when there is no finished checkpoint.
var ErrNone = errors.New("no checkpoint; run pairloom train first")

// Checkpoint is a finished checkpoint on disk.
type Checkpoint struct {
	Path  string
	State State
	// Foreign says that it is weights of others at Path, of which State has Model and
	// Vocabulary alone.
	Foreign bool
}

// Latest opens the newest finished checkpoint of folder.
func Latest(folder string) (*Checkpoint, error) { return newest(place(folder), stepName) }

// Best opens the checkpoint with the least validation loss. It has no moments.
func Best(folder string) (*Checkpoint, error) {
	c, err := newest(place(folder), bestName)
	if place(folder) == filepath.Join(folder, arrivingFolder) && errors.Is(err, ErrNone) {
		return newest(folder, bestName) // it has moved up
	}
	return c, err
}

func newest(folder string, pattern *regexp.Regexp) (*Checkpoint, error) {
	all, err := names(folder, pattern)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(all) {
		if path := filepath.Join(folder, name); complete(path) {
			return open(path)
		}
	}
	return nil, fmt.Errorf("open %s: %w", folder, ErrNone)
}

// A Damaged checkpoint says which file cannot be used, and why.
type Damaged struct{ Path, Cause string }

func (e *Damaged) Error() string {
	return fmt.Sprintf("read checkpoint %s: %s; delete the folder %s to go on from the checkpoint before it, or from the start",
		e.Path, e.Cause, filepath.Dir(e.Path))
}

// At opens the finished checkpoint that is the folder path.
func At(path string) (*Checkpoint, error) { return open(path) }

func open(path string) (*Checkpoint, error) {
	c := &Checkpoint{Path: path}
	name := filepath.Join(path, stateName)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	if c.State, err = parseState(text); err != nil {
		return nil, &Damaged{name, err.Error()}
	}
	if _, digits, _ := strings.Cut(filepath.Base(path), "-"); digits != fmt.Sprintf("%08d", c.State.Step) {
		return nil, &Damaged{name, fmt.Sprintf("it is of step %d, which the folder's name is not", c.State.Step)}
	}
	return c, nil
}

// file reads a file of the checkpoint and holds it against state.json.
func (c *Checkpoint) file(name string) ([]byte, error) {
	path := filepath.Join(c.Path, name)
	want, known := c.State.Files[name]
	if !known {
		return nil, &Damaged{path, "state.json does not name it"}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &Damaged{path, err.Error()}
	}
	if int64(len(data)) != want.Bytes {
		return nil, &Damaged{path, otherLength(int64(len(data)), want.Bytes)}
	}
	if sum := fmt.Sprintf("%016x", xxhash.Sum64(data)); sum != want.XXH64 {
		return nil, &Damaged{path, otherContent(sum, want.XXH64)}
	}
	return data, nil
}

// stored opens a file of tensors, and holds its length against state.json. The hash
// is for who reads all of it; see intact.
func (c *Checkpoint) stored(name string) (*TensorFile, error) {
	path := filepath.Join(c.Path, name)
	want, known := c.State.Files[name]
	if !known {
		return nil, &Damaged{path, "state.json does not name it"}
	}
	if info, err := os.Stat(path); err == nil && info.Size() != want.Bytes {
		return nil, &Damaged{path, otherLength(info.Size(), want.Bytes)}
	}
	f, err := OpenTensors(path)
	if err != nil {
		return nil, &Damaged{path, err.Error()}
	}
	return f, nil
}

// intact holds what was read of a file against its hash. What is found in a file that
// is not as it was written is no other fault.
func (c *Checkpoint) intact(f *TensorFile, hash string, err error) error {
	if want := c.State.Files[filepath.Base(f.Path)].XXH64; hash != "" && hash != want {
		return &Damaged{f.Path, otherContent(hash, want)}
	}
	if err != nil {
		return &Damaged{f.Path, err.Error()}
	}
	return nil
}

func otherLength(bytes, want int64) string {
	return fmt.Sprintf("it has %d bytes, but state.json says %d", bytes, want)
}

func otherContent(sum, want string) string {
	return "its content is not what was written (xxhash64 " + sum + ", " + want + " expected)"
}

func (c *Checkpoint) tensors(name string) (map[string]Tensor, error) {
	f, err := c.stored(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, hash, err := f.decode()
	if err := c.intact(f, hash, err); err != nil {
		return nil, err
	}
	byName, err := finiteTensors(list)
	if err != nil {
		return nil, &Damaged{f.Path, err.Error()}
	}
	return byName, nil
}

// finiteTensors are the tensors by name, when all their values are finite.
func finiteTensors(list []Tensor) (map[string]Tensor, error) {
	byName := make(map[string]Tensor, len(list))
	for _, t := range list {
		if err := finite(t.Name, t.Data); err != nil {
			return nil, err
		}
		byName[t.Name] = t
	}
	return byName, nil
}

// Weights are the model's tensors by name.
func (c *Checkpoint) Weights() (map[string]Tensor, error) { return c.tensors(WeightsName) }

// Load copies the weights, or with average their fading average, to the model's
// parameters, and holds some megabytes of them in memory beside.
func (c *Checkpoint) Load(d device.Device, p *nn.Parameters, average bool) error {
	name := WeightsName
	if average {
		name = AverageName
	}
	f, err := c.stored(name)
	if err != nil {
		return err
	}
	w := Weights{Files: []*TensorFile{f}}
	defer w.Close()
	hash, err := w.Load(d, p)
	if errors.Is(err, nn.ErrOtherModel) {
		return fmt.Errorf("load %s: %w", c.Path, err)
	}
	return c.intact(f, hash, err)
}

// Average is the fading average of the weights; nil where none was kept.
func (c *Checkpoint) Average() (map[string]Tensor, error) {
	if _, there := c.State.Files[AverageName]; !there {
		return nil, nil
	}
	return c.tensors(AverageName)
}

// Moments are the optimizer's tensors by name.
func (c *Checkpoint) Moments() (map[string]Tensor, error) { return c.tensors(momentsName) }

// Vocabulary is the tokenizer's file.
func (c *Checkpoint) Vocabulary() ([]byte, error) { return c.file(VocabularyName) }
