package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/places"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// IndexStage is the stage that the manifest of an index names.
//
// An index is a dataset, with training and held-out parts as shards have them, of pairs
// whose pictures lie elsewhere: in tars, Parquet files or folders that somebody has.
// Image is empty; Source says where the picture lies, as a [places.Place] whose path
// begins at the index's base, or as a copy beside the parts, see [CopyAt]; PictureHash is
// the hash of its bytes there. So the
// parts, and the hash of the dataset, are those of the content alone, wherever it is
// moved.
const IndexStage = "index"

// Index are the facts that the manifest of an index holds in its options.
type Index struct {
	// Base is the folder where the paths of places begin.
	Base string `yaml:"base"`
	// Name is what the source is called: the entry of train.data.
	Name string `yaml:"name"`
}

// Values are the facts as a manifest has them.
func (x Index) Values() map[string]json.RawMessage { return settings.Values(x) }

// IndexOf are the facts of a manifest; false where it is none of an index.
func IndexOf(m *shard.Manifest) (x Index, is bool, err error) {
	if m.Stage != IndexStage {
		return x, false, nil
	}
	return x, true, settings.Restore(&x, m.Options)
}

// mostPicture bounds the bytes of a picture that is read where it lies.
const mostPicture = 1 << 28

// NewPictures reads the pictures of sources where they lie.
func NewPictures() *places.Pictures {
	return places.New(mostPicture, places.Advice{
		Gone:    "put it back, or train on what is there with pairloom train --replace",
		Changed: "put it back as it was, or train on what is there with pairloom train --replace",
		Limit:   "the most that training reads",
	})
}

// CopyAt is the Source of a picture that was copied into a file of the index's folder, since
// it cannot be read alone where it lies.
func CopyAt(name string, at, size int64) string { return fmt.Sprintf("copy %d+%d %s", at, size, name) }

// lying are the pictures of an index.
type lying struct {
	base, folder string
	pictures     *places.Pictures

	mu     sync.Mutex
	copies map[string]*os.File
}

// lyingOf is nil for shards, which hold their pictures.
func lyingOf(d *shard.Dataset) (*lying, error) {
	x, is, err := IndexOf(d.Manifest())
	if err != nil {
		return nil, fmt.Errorf("open the index %s: %w; delete the folder, and pairloom train makes it again", d.Folder(), err)
	}
	if !is {
		return nil, nil
	}
	return &lying{base: x.Base, folder: d.Folder(), pictures: NewPictures(), copies: map[string]*os.File{}}, nil
}

// read reads the picture of a pair, and tells when it is not the one that was indexed.
func (in *lying) read(p *shard.Pair) ([]byte, error) {
	if strings.HasPrefix(p.Source, "copy ") {
		return in.copied(p)
	}
	at, err := places.Parse(p.Source)
	if err != nil {
		return nil, fmt.Errorf("pair %s: %w", shard.FormatPairID(p.PairID), err)
	}
	at.Path = filepath.Join(in.base, at.Path)
	var body bytes.Buffer
	if err := in.pictures.Read(at.String(), &body); err != nil {
		return nil, fmt.Errorf("read the picture of %q: %w", p.Text, err)
	}
	if xxhash.Sum64(body.Bytes()) != p.PictureHash {
		return nil, fmt.Errorf("read the picture of %q: what lies at %s %w; put it back as it was, or train on what is there with pairloom train --replace",
			p.Text, at.Where(), places.ErrChanged)
	}
	return body.Bytes(), nil
}

// copied reads a picture that was copied.
func (in *lying) copied(p *shard.Pair) ([]byte, error) {
	var at, size int64
	var name string
	if n, err := fmt.Sscanf(p.Source, "copy %d+%d %s", &at, &size, &name); n != 3 || name != filepath.Base(name) || size < 0 || size > mostPicture {
		return nil, fmt.Errorf("pair %s: %q is no place of a picture (%v)", shard.FormatPairID(p.PairID), p.Source, err)
	}
	path := filepath.Join(in.folder, name)
	in.mu.Lock()
	file := in.copies[name]
	var err error
	if file == nil {
		if file, err = os.Open(path); err == nil {
			in.copies[name] = file
		}
	}
	in.mu.Unlock()
	data := make([]byte, size)
	if err == nil {
		_, err = file.ReadAt(data, at)
	}
	if err == nil && xxhash.Sum64(data) != p.PictureHash {
		err = fmt.Errorf("the bytes from %d on are not those that were written", at)
	}
	if err != nil {
		return nil, &shard.DamagedPart{Path: path, Cause: err.Error(), Cure: "delete the folder " + in.folder + " and run pairloom train, which makes it again"}
	}
	return data, nil
}

func (in *lying) close() {
	if in != nil {
		in.pictures.Close()
		for _, f := range in.copies {
			f.Close()
		}
	}
}
