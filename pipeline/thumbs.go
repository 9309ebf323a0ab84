package pipeline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
)

// thumbsName is the file in the dataset's folder that keeps what evaluation pictures
// look like, so that they are decoded once: thumbsMagic, a thumbRecord for each picture,
// and the xxhash64 of all of that. It is made again where it is missing or damaged.
const (
	thumbsName  = "against.thumbs"
	thumbsMagic = "pairloom thumbs 1\n"
)

// thumb is what is kept of a picture. A record has the three one after another, numbers
// big end first.
type thumb struct {
	content uint64 // xxhash64 of its bytes
	hash    uint64 // perceptual
	grey    lookalike.Thumb
}

const thumbRecord = 16 + lookalike.Side*lookalike.Side

// thumbFile has the thumbs of this run in a temporary file, and those of the last one at
// hand.
type thumbFile struct {
	path   string
	file   *os.File // of this run, without a name
	places map[uint64]int
	old    *os.File
	known  map[uint64]int // places in old
	news   int
}

func openThumbs(dir string) (*thumbFile, error) {
	t := &thumbFile{path: filepath.Join(dir, thumbsName), places: map[uint64]int{}, known: map[uint64]int{}}
	var err error
	if t.file, err = extsort.Temporary(dir); err != nil {
		return nil, err
	}
	if t.old, err = os.Open(t.path); errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = t.readOld()
	}
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("read %s: %w; delete it, it is made again", t.path, err)
	}
	return t, nil
}

// readOld finds the thumbs of the last run. A file that is not whole has none.
func (t *thumbFile) readOld() error {
	info, err := t.old.Stat()
	if err != nil {
		return err
	}
	count := (info.Size() - int64(len(thumbsMagic)) - 8) / thumbRecord
	if count < 0 || info.Size() != int64(len(thumbsMagic))+count*thumbRecord+8 {
		return nil
	}
	d := xxhash.New()
	r := bufio.NewReaderSize(t.old, 256<<10)
	magic := make([]byte, len(thumbsMagic))
	if _, err := io.ReadFull(io.TeeReader(r, d), magic); err != nil || string(magic) != thumbsMagic {
		return err
	}
	known := map[uint64]int{}
	record := make([]byte, thumbRecord)
	for i := range int(count) {
		if _, err := io.ReadFull(io.TeeReader(r, d), record); err != nil {
			return err
		}
		known[binary.BigEndian.Uint64(record)] = i
	}
	var sum [8]byte
	if _, err := io.ReadFull(r, sum[:]); err != nil {
		return err
	}
	if binary.BigEndian.Uint64(sum[:]) == d.Sum64() {
		t.known = known
	}
	return nil
}

// has tells whether the picture of that content need not be decoded.
func (t *thumbFile) has(content uint64) bool {
	_, here := t.places[content]
	_, known := t.known[content]
	return here || known
}

func (t *thumbFile) len() int { return len(t.places) }

// add returns the place of the thumb; of one that has is true for, its content is
// enough.
func (t *thumbFile) add(x *thumb) (place int, err error) {
	if place, here := t.places[x.content]; here {
		return place, nil
	}
	record := make([]byte, thumbRecord)
	if at, known := t.known[x.content]; known {
		_, err = t.old.ReadAt(record, int64(len(thumbsMagic))+int64(at)*thumbRecord)
	} else {
		t.news++
		binary.BigEndian.PutUint64(record, x.content)
		binary.BigEndian.PutUint64(record[8:], x.hash)
		copy(record[16:], x.grey[:])
	}
	if err == nil {
		place = len(t.places)
		_, err = t.file.WriteAt(record, int64(place)*thumbRecord)
	}
	if err != nil {
		return 0, fmt.Errorf("keep what evaluation pictures look like: %w", err)
	}
	t.places[x.content] = place
	return place, nil
}

// read is the thumb at a place.
func (t *thumbFile) read(place int) (x thumb, err error) {
	record := make([]byte, thumbRecord)
	if _, err := t.file.ReadAt(record, int64(place)*thumbRecord); err != nil {
		return x, fmt.Errorf("read what evaluation pictures look like: %w", err)
	}
	x.content, x.hash = binary.BigEndian.Uint64(record), binary.BigEndian.Uint64(record[8:])
	copy(x.grey[:], record[16:])
	return x, nil
}

// save keeps the thumbs of this run for the next one, where they are others.
func (t *thumbFile) save() error {
	if t.news == 0 && len(t.known) == len(t.places) {
		return nil
	}
	return atomicfile.WriteStream(t.path, func(w io.Writer) error {
		d := xxhash.New()
		both := io.MultiWriter(w, d)
		if _, err := io.WriteString(both, thumbsMagic); err != nil {
			return err
		}
		if _, err := io.Copy(both, io.NewSectionReader(t.file, 0, int64(len(t.places))*thumbRecord)); err != nil {
			return err
		}
		_, err := w.Write(binary.BigEndian.AppendUint64(nil, d.Sum64()))
		return err
	})
}

func (t *thumbFile) Close() error {
	if t.old != nil {
		t.old.Close()
	}
	return t.file.Close()
}
