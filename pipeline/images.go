package pipeline

import (
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// picturePlace is a fetched picture, without its bytes, and where it lies: in
// which numbered part, and which row of it.
type picturePlace struct {
	image     shard.Image
	part, row uint32
}

// Columns of the images folder that are read: without the pictures, but for those
// of the shards.
var (
	outcomeColumns = []string{"image_id", "status"}
	askedColumns   = []string{"image_id", "status", "http_status", "opt_out", "original_bytes", "fetch_time", "tries", "setting"}
	oldColumns     = []string{"image_id", "status", "http_status", "opt_out", "picture_hash", "original_bytes", "fetch_time", "etag", "last_modified", "tries", "setting"}
	shardColumns   = []string{"image", "width", "height", "opt_out", "opt_out_from", "picture_hash", "phash", "original_format", "original_width", "original_height", "format", "sha256", "frames", "license", "credit"}
	factColumns    = []string{"image_id", "status", "detail", "opt_out", "picture_hash", "phash", "original_format", "original_width", "original_height", "original_bytes", "frames", "spread", "sha256"}
	// refusalColumns are those by which a picture may be refused.
	refusalColumns = []string{"image_url", "picture_hash", "phash", "sha256"}
	// digestColumns are those of shardColumns that factColumns lack, but for the pictures.
	digestColumns = []string{"width", "height", "opt_out_from", "format", "license", "credit"}
)

// pictureIndex walks the pictures of the images folder in order of their ids,
// with the columns named; where the time of asking is one of them, what was asked in
// vain since counts. A picture that has rows in several parts comes once, with its
// last outcome. Sorting takes memory bytes.
func pictureIndex(dir string, parts []shard.Part, columns []string, memory int) iter.Seq2[*picturePlace, error] {
	return pictureIndexBy(dir, parts, columns, func() *extsort.Sorter { return extsort.New(dir, memory) })
}

// pictureIndexBy is pictureIndex with a sorter of the caller's choice, which it
// closes.
func pictureIndexBy(dir string, parts []shard.Part, columns []string, newSorter func() *extsort.Sorter) iter.Seq2[*picturePlace, error] {
	return func(yield func(*picturePlace, error) bool) {
		sorter := newSorter()
		defer sorter.Close()
		var key [16]byte
		var value []byte
		for _, part := range parts {
			number, ok := partNumber(part.Name)
			if !ok {
				yield(nil, fmt.Errorf("read %s: parts of pictures are numbered, and %s is not; run pairloom fetch", shard.ImagesFolder, part.Name))
				return
			}
			var asked visits
			if slices.Contains(columns, "fetch_time") {
				var err error
				if asked, err = readVisits(filepath.Join(dir, shard.ImagesFolder), number); err != nil {
					yield(nil, err)
					return
				}
			}
			row := uint32(0)
			for image, err := range shard.Rows[shard.Image](filepath.Join(dir, shard.ImagesFolder), []shard.Part{part}, columns...) {
				if err == nil {
					asked.over(image)
					binary.BigEndian.PutUint64(key[:], image.ImageID)
					binary.BigEndian.PutUint32(key[8:], ^uint32(number)) // the last part first
					binary.BigEndian.PutUint32(key[12:], row)
					value = shard.AppendRow(value[:0], image)
					err = sorter.Add(key[:], value)
				}
				if err != nil {
					yield(nil, err)
					return
				}
				row++
			}
		}
		var p picturePlace
		var last uint64
		first := true
		for rec, err := range sorter.Sorted() {
			if err != nil {
				yield(nil, err)
				return
			}
			id := binary.BigEndian.Uint64(rec.Key)
			if !first && id == last {
				continue
			}
			first, last = false, id
			p.part, p.row = ^binary.BigEndian.Uint32(rec.Key[8:]), binary.BigEndian.Uint32(rec.Key[12:])
			if _, err := shard.ReadRow(rec.Value, &p.image); err != nil {
				yield(nil, err)
				return
			}
			if !yield(&p, nil) {
				return
			}
		}
	}
}

// joinPictures walks rows that are sorted by picture, each with its picture, nil
// for one that was never asked for. Both live until the next step. apart, which may
// be nil, is told the pictures that no row points at.
func joinPictures(rows iter.Seq2[*shard.Matched, error], pictures iter.Seq2[*picturePlace, error], apart func(*picturePlace) error) iter.Seq2[joined, error] {
	return func(yield func(joined, error) bool) {
		next, stop := iter.Pull2(pictures)
		defer stop()
		current, err, more := next()
		pointedAt := false
		pass := func() {
			if apart != nil && !pointedAt {
				err = apart(current)
			}
			if pointedAt = false; err == nil {
				current, err, more = next()
			}
		}
		for m, rowErr := range rows {
			for rowErr == nil && err == nil && more && current.image.ImageID < m.ImageID {
				pass()
			}
			if rowErr == nil {
				rowErr = err
			}
			if rowErr != nil {
				yield(joined{}, rowErr)
				return
			}
			j := joined{matched: m}
			if more && current.image.ImageID == m.ImageID {
				j.picture, pointedAt = current, true
			}
			if !yield(j, nil) {
				return
			}
		}
		for apart != nil && err == nil && more {
			pass()
		}
		if err != nil {
			yield(joined{}, err)
		}
	}
}

// joined is a matched pair and its picture.
type joined struct {
	matched *shard.Matched
	picture *picturePlace
}

// openPictures keeps the parts of the images folder mapped that were used last.
// Pictures are asked for in shuffled order, so that a dataset of more parts
// than the limit, 16 million pictures in parts of the usual size, pays an open of
// some 25 us for most of them; mapping costs no memory.
type openPictures struct {
	folder  string
	parts   map[uint32]shard.Part // by number
	readers map[uint32]*shard.PartReader[shard.Image]
	order   []uint32 // oldest first

	memory  int // bytes of mapped files that may be resident, those of the program too
	touched int // bytes since that was looked at
}

// residentEvery is how many bytes of pictures are read between two looks at what is
// resident, and rowTouches what reading a picture counts beside its bytes.
const (
	residentEvery = 32 << 20
	rowTouches    = 128 << 10
)

const maxOpenPictures = 16 << 10 // Linux maps at most 65,530 files

func newOpenPictures(folder string, m *shard.Manifest, memory int) *openPictures {
	o := &openPictures{folder: folder, memory: memory, parts: map[uint32]shard.Part{}, readers: map[uint32]*shard.PartReader[shard.Image]{}}
	for _, p := range m.Parts {
		if number, ok := partNumber(p.Name); ok {
			o.parts[uint32(number)] = p
		}
	}
	return o
}

// open is the part of that number.
func (o *openPictures) open(part uint32) (*shard.PartReader[shard.Image], error) {
	if r, ok := o.readers[part]; ok {
		return r, nil
	}
	if len(o.order) == maxOpenPictures {
		o.readers[o.order[0]].Close()
		delete(o.readers, o.order[0])
		o.order = o.order[1:]
	}
	p, there := o.parts[part]
	if !there {
		return nil, fmt.Errorf("read %s: there is no such part; run pairloom curate", filepath.Join(o.folder, partName(int(part))))
	}
	r, err := shard.OpenPartAtRandom[shard.Image](o.folder, p, shardColumns...)
	if err != nil {
		return nil, err
	}
	o.readers[part] = r
	o.order = append(o.order, part)
	return r, nil
}

// ask has the disk fetch a picture that is read later, and tells for how many bytes it
// was asked. What is wrong with the picture is for read to tell.
func (o *openPictures) ask(part, row uint32) int {
	r, err := o.open(part)
	if err != nil || int(row) >= r.Len() {
		return 0
	}
	bytes := r.Ask(int(row))
	o.touched += bytes
	return bytes
}

// read fills image with row of the part of that number; its bytes live until the
// next read or ask.
func (o *openPictures) read(part, row uint32, image *shard.Image) error {
	r, err := o.open(part)
	if err != nil {
		return err
	}
	if int(row) >= r.Len() {
		return fmt.Errorf("read picture %d of %s: it has %d; run pairloom curate", row, r.Path(), r.Len())
	}
	if o.touched += rowTouches; o.touched >= residentEvery {
		if o.touched = 0; residentFiles() > o.memory {
			for _, r := range o.readers {
				r.Forget()
			}
		}
	}
	return r.Read(int(row), image)
}

// residentFiles is how many bytes of mapped files are resident in this process
// (proc(5), statm), 0 where the system does not tell.
func residentFiles() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return 0
	}
	pages, err := strconv.Atoi(fields[2])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

func (o *openPictures) close() {
	for _, r := range o.readers {
		r.Close()
	}
}

// A storedPart is a part of the images folder that holds.
type storedPart struct {
	shard.Part
	foreign bool // it was written by other settings
}

// storedPictures finds the parts of the images folder that hold, by number: those
// that its manifest names, which is trusted, or, where it names none by that name,
// those that a killed run left whole. What does not hold is left out. The manifest's
// word counts also where other parts of it are gone: to sum a damaged part anew would
// make its damage the truth.
func storedPictures(folder string, origin shard.Origin) (map[int]storedPart, error) {
	known := map[string]shard.Part{}
	settings := origin.Settings
	if m, err := shard.ReadManifestAlone(folder); err == nil {
		settings = m.Settings
		for _, p := range m.Parts {
			known[p.Name] = p
		}
	}
	numbers, err := partFiles(folder)
	if err != nil {
		return nil, err
	}
	stored := map[int]storedPart{}
	for _, i := range numbers {
		p := storedPart{foreign: settings != origin.Settings}
		part, ok := known[partName(i)]
		if ok {
			info, err := os.Stat(filepath.Join(folder, part.Name))
			ok = err == nil && info.Size() == part.Bytes
		} else if part, p.foreign, ok, err = recoverPictures(folder, partName(i), origin); err != nil {
			return nil, err
		}
		if p.Part = part; ok {
			stored[i] = p
		}
	}
	return stored, nil
}

// recoverPictures looks at a part that no manifest names.
func recoverPictures(folder, name string, origin shard.Origin) (part shard.Part, foreign, ok bool, err error) {
	r, err := shard.OpenFile[shard.Image](filepath.Join(folder, name))
	if err != nil {
		return part, false, false, nil // damaged
	}
	own := r.Origin()
	r.Close()
	if own.Stage != origin.Stage {
		return part, false, false, nil
	}
	part, ok, err = shard.Recover[shard.Image](folder, name, own)
	return part, own.Settings != origin.Settings, ok, err
}
