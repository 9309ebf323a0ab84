package lists

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/places"
)

// mostSamples bounds the samples of one tar, of each of which 64 bits are held.
const mostSamples = 4 << 20

// tarFile is a tar of samples that is being read: members whose names are one but for
// what follows their first dot, and which lie one behind the other (WebDataset).
type tarFile struct {
	*candidates
	source  Source
	options *Options
	print   uint64
	seen    map[uint64]struct{} // hashes of the keys
	now     sample
	has     bool // the present sample has a member
	members int
}

func readTar(k *candidates, s Source, o *Options) error {
	f, info, err := places.Open(s.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	t := &tarFile{candidates: k, source: s, options: o, seen: map[uint64]struct{}{}}
	if t.print, err = places.Fingerprint(f, info.Size(), places.ContainerEnds); err != nil {
		return err
	}
	told := int64(0)
	in := tar.NewReader(f) // which goes over pictures by seeking, and reads no further than it must
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			at, _ := f.Seek(0, io.SeekCurrent)
			return fmt.Errorf("near byte %d: %w; the tar is cut off or damaged: get it again", at, err)
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if at+h.Size > info.Size() {
			return fmt.Errorf("its member %.200q claims %d bytes from byte %d on, beyond its end: the tar is cut off; get it again", h.Name, h.Size, at)
		}
		if err := t.member(h, in, at); err != nil {
			return err
		}
		if t.members++; t.members%readEvery == 0 {
			if err := t.advance(at - told); err != nil {
				return err
			}
			told = at
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	if err := t.whole(f, info.Size()); err != nil {
		return err
	}
	if err := t.advance(info.Size() - told); err != nil {
		return err
	}
	return notThere(k, s, o)
}

// whole checks that a tar ends as tars do, with blocks of zeros: one that was cut off
// between two members looks like a shorter one.
func (t *tarFile) whole(f io.ReaderAt, size int64) error {
	end := make([]byte, 512)
	if size == 0 { // what a download leaves that did not begin
		return errors.New("it is empty, and no tar; get it again")
	}
	n, err := f.ReadAt(end, max(0, size-int64(len(end))))
	if err != nil && err != io.EOF {
		return err
	}
	for _, c := range end[:n] {
		if c != 0 {
			return errors.New("its end is missing: the tar is cut off; get it again")
		}
	}
	return nil
}

// member takes in one member, whose bytes begin at at.
func (t *tarFile) member(h *tar.Header, in io.Reader, at int64) error {
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	case tar.TypeReg:
	case tar.TypeLink, tar.TypeSymlink:
		return t.drop(ReasonLink)
	case tar.TypeGNUSparse:
		return t.drop(ReasonSparse)
	default:
		return t.drop(ReasonNoFile)
	}
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return t.drop(ReasonSparse)
		}
	}
	name := strings.TrimPrefix(h.Name, "./")
	if !safe(name) {
		return t.drop(ReasonUnsafeName)
	}
	folder, file := path.Split(name)
	stem, ends, _ := strings.Cut(file, ".")
	if stem == "" { // hidden files, which some systems pack along
		return nil
	}
	if key := folder + stem; !t.has || key != t.now.key {
		if err := t.end(); err != nil {
			return err
		}
		t.has, t.now = true, sample{key: key, label: t.label()}
	}
	end := strings.ToLower(ends[strings.LastIndexByte(ends, '.')+1:])
	switch {
	case isPicture("." + end):
		if t.now.place != "" {
			return t.drop(ReasonMorePicture)
		}
		t.now.place = places.Place{Kind: places.Bytes, Print: t.print, At: [3]int64{at, h.Size}, Path: t.source.Path}.String()
	case end == "json" && h.Size <= mostRow:
		data, err := io.ReadAll(in)
		t.now.meta = data
		return err
	case isTextEnd(end) && t.now.text == nil:
		if h.Size > mostText {
			t.now.bad = ReasonTooLong
			return nil
		}
		data, err := io.ReadAll(in)
		t.now.text = data
		return err
	}
	return nil
}

func isTextEnd(end string) bool {
	for _, e := range textEnds {
		if e == end {
			return true
		}
	}
	return false
}

// safe tells a name that leads nowhere but below the tar's own folder.
func safe(name string) bool {
	if name == "" || name[0] == '/' || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\\\n") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return false
		}
	}
	return true
}

func (t *tarFile) drop(reason string) error {
	t.sink.Drop(reason)
	return nil
}

// label is the tar's, without its end.
func (t *tarFile) label() string { return strings.TrimSuffix(t.source.Label, ".tar") }

var errManySamples = errors.New("it has more than 4,194,304 samples; split it")

// end ends the present sample.
func (t *tarFile) end() error {
	if !t.has {
		return nil
	}
	t.has = false
	key := xxhash.Sum64String(t.now.key)
	if _, twice := t.seen[key]; twice {
		t.now.bad = ReasonRepeatedKey
	}
	if t.seen[key] = struct{}{}; len(t.seen) > mostSamples {
		return errManySamples
	}
	r := t.sample(&t.now, t.options)
	return t.take(&r, t.source.Label+"/"+t.now.key)
}
