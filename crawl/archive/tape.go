package archive

import (
	"bufio"
	"io"
)

// tapeKept is how many bytes of a file a tape can go back at least.
const tapeKept = 8 << 20

const (
	tapeBuffer = 32 << 10
	tapeFill   = 256 << 10 // read of the file at one time
)

// tape reads a file as it is stored and can go back some way, which the search
// for the member behind a broken one needs.
type tape struct {
	in    io.Reader
	err   error // of in
	kept  []byte
	first int64 // offset of kept[0]
	at    int   // in kept, of the next byte
	read  int64 // bytes that were read of it, those read again included
	mark  int64 // offset before which nobody goes back; not behind offset()

	*bufio.Reader // over the tape, see raw
	raw           tapeReader
}

type tapeReader struct{ *tape }

func newTape(in io.Reader) *tape {
	t := &tape{in: in}
	t.raw.tape = t
	t.Reader = bufio.NewReaderSize(t.raw, tapeBuffer)
	return t
}

// Read is that of the buffer's source.
func (r tapeReader) Read(p []byte) (int, error) {
	t := r.tape
	if t.at == len(t.kept) {
		if t.err != nil {
			return 0, t.err
		}
		t.fill(tapeFill)
	}
	n := copy(p, t.kept[t.at:])
	t.at += n
	t.read += int64(n)
	if n == 0 {
		return 0, t.err
	}
	return n, nil
}

// fill appends what one read gives. What lies before the mark is forgotten when there
// is no room, which is not too often, and so is what is too old.
func (t *tape) fill(n int) {
	if len(t.kept)+n > cap(t.kept) {
		gone := max(0, int(t.mark-t.first))
		if 2*gone < len(t.kept) { // to move the rest would cost more than room does
			gone = 0
		}
		if len(t.kept)-gone+n > 2*tapeKept {
			gone = len(t.kept) - tapeKept
		}
		kept := t.kept
		if len(kept)-gone+n > cap(kept) {
			kept = make([]byte, min(max(2*cap(kept), 2*n), 2*tapeKept))
		}
		t.kept = kept[:copy(kept[:cap(kept)], t.kept[gone:])]
		t.first, t.at = t.first+int64(gone), t.at-gone
	}
	old := len(t.kept)
	got := 0
	for got == 0 && t.err == nil {
		got, t.err = t.in.Read(t.kept[old : old+n])
	}
	t.kept = t.kept[:old+got]
}

// offset is where in the file the next byte lies.
func (t *tape) offset() int64 { return t.first + int64(t.at) - int64(t.Buffered()) }

// rewind goes back to offset, or as far as is kept.
func (t *tape) rewind(offset int64) {
	t.at = int(min(max(0, offset-t.first), int64(len(t.kept))))
	t.Reset(t.raw)
}

// ahead shows that many bytes that come next, fewer at the end of the file. They are
// valid until the next call of any method.
func (t *tape) ahead(n int) []byte {
	for len(t.kept)-t.at+t.Buffered() < n && t.err == nil {
		t.fill(tapeFill)
	}
	return t.kept[t.at-t.Buffered():]
}

// pass goes on behind n of the bytes that ahead has shown.
func (t *tape) pass(n int) {
	if n <= t.Buffered() {
		t.Discard(n)
		return
	}
	t.rewind(t.offset() + int64(n))
}

// failure is the error of the file itself, nil at its end.
func (t *tape) failure() error {
	if t.err == io.EOF {
		return nil
	}
	return t.err
}
