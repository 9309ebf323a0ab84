package main

import (
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// picturePlace is a fetched picture, without its bytes, and where it lies.
type picturePlace struct {
	image     shard.Image
	part, row uint32
}

// pictureIndex walks the pictures of the images folder in order of their ids.
// A picture that was tried more than once comes once, with its last outcome.
func pictureIndex(w *workspace, images *shard.Manifest) iter.Seq2[picturePlace, error] {
	return func(yield func(picturePlace, error) bool) {
		sorter := extsort.New(w.dir, w.memory()/3)
		defer sorter.Close()
		var key [16]byte
		var value []byte
		for i, part := range images.Parts {
			row := uint32(0)
			for image, err := range shard.Rows[shard.Image](w.path("images"), []shard.Part{part}) {
				if err == nil {
					image.Bytes = nil
					binary.BigEndian.PutUint64(key[:], image.ImageID)
					binary.BigEndian.PutUint32(key[8:], ^uint32(i)) // the last part first
					binary.BigEndian.PutUint32(key[12:], row)
					value = shard.AppendRow(value[:0], image)
					err = sorter.Add(key[:], value)
				}
				if err != nil {
					yield(picturePlace{}, err)
					return
				}
				row++
			}
		}
		var last uint64
		first := true
		for rec, err := range sorter.Sorted() {
			if err != nil {
				yield(picturePlace{}, err)
				return
			}
			id := binary.BigEndian.Uint64(rec.Key)
			if !first && id == last {
				continue
			}
			first, last = false, id
			p := picturePlace{part: ^binary.BigEndian.Uint32(rec.Key[8:]), row: binary.BigEndian.Uint32(rec.Key[12:])}
			if _, err := shard.ReadRow(rec.Value, &p.image); err != nil {
				yield(picturePlace{}, err)
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// openPictures keeps the parts of the images folder mapped that were used last.
// Pictures are asked for in shuffled order, so that a dataset of more parts
// than the limit pays an open for most of them; mapping costs no memory.
type openPictures struct {
	folder  string
	readers map[uint32]*shard.PartReader[shard.Image]
	order   []uint32 // oldest first
}

const maxOpenPictures = 512

func newOpenPictures(folder string) *openPictures {
	return &openPictures{folder: folder, readers: map[uint32]*shard.PartReader[shard.Image]{}}
}

// read fills image with row of part; its bytes live until the next read.
func (o *openPictures) read(part, row uint32, image *shard.Image) error {
	r, ok := o.readers[part]
	if !ok {
		if len(o.order) == maxOpenPictures {
			o.readers[o.order[0]].Close()
			delete(o.readers, o.order[0])
			o.order = o.order[1:]
		}
		var err error
		if r, err = shard.OpenPart[shard.Image](partPath(o.folder, int(part))); err != nil {
			return err
		}
		o.readers[part] = r
		o.order = append(o.order, part)
	}
	if int(row) >= r.Len() {
		return fmt.Errorf("read picture %d of %s: it has %d; run pairloom curate", row, r.Path(), r.Len())
	}
	r.Read(int(row), image)
	return nil
}

func (o *openPictures) close() {
	for _, r := range o.readers {
		r.Close()
	}
}

// completeImageParts lists the numbered parts of the images folder from 0 up to
// the first that is missing, damaged or made with other settings.
func completeImageParts(folder string, origin shard.Origin) ([]shard.Part, error) {
	var parts []shard.Part
	for i := 0; ; i++ {
		path := partPath(folder, i)
		if _, err := os.Stat(path); err != nil {
			return parts, nil
		}
		part, ok, err := shard.Recover[shard.Image](folder, filepath.Base(path), origin)
		if err != nil || !ok {
			return parts, err
		}
		parts = append(parts, part)
	}
}
