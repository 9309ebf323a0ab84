package archive

import (
	"bufio"
	"bytes"
	"io"
)

// Finding the way behind what is broken looks at bytes again. How many is bounded by
// how far the file is read, whatever its bytes are made to look like: a file in which
// every few bytes begin something that breaks late would else cost its length
// squared. Files that are only damaged stay far below it. Behind the bound the search
// goes on where reading broke off.
const (
	againFree = 64 << 20 // bytes
	againEach = 32       // for each byte of the file
	looks     = 5        // at a member until it is known to be broken: see openWhole
)

const (
	lineView   = 4 << 10   // of the line before an ARC's record
	memberView = 1 << 10   // compressed: header, code lengths and the first few words
	longView   = 8 << 10   // compressed: as far as the end of an ARC's line
	frameView  = 160 << 10 // of a zstd frame: header and one block (RFC 8878, 3.1.1.2.4)
	frameBlock = 128 << 10 // what a block may hold
	searchView = 1 << 20
)

// mayLookAgain tells at that offset whether bytes before it may be looked at again.
func (r *Reader) mayLookAgain(at int64) bool { return r.again <= againFree+againEach*at }

// stopped is the error of Stop.
func (r *Reader) stopped() error {
	if r.Stop == nil {
		return nil
	}
	return r.Stop()
}

// stopping is the file of a Reader, which is asked before each read.
type stopping struct {
	io.Reader
	reader *Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.reader.stopped(); err != nil {
		return 0, err
	}
	return s.Reader.Read(p)
}

// lost goes on behind the beginning of a member or record that is broken.
func (r *Reader) lost(reason string) error {
	if ferr := r.tape.failure(); ferr != nil {
		return ferr
	}
	at := r.member
	if r.doubt && !r.packed {
		at = r.doubtAt
	}
	r.broken(reason, at)
	r.doubt = false
	reached := r.tape.offset()
	r.again += looks * (reached - r.member)
	if reached <= r.member || r.mayLookAgain(reached) {
		r.tape.rewind(r.member + 1)
	}
	return r.resync()
}

// resync goes on to where a member or a record begins: bytes that look like one
// and whose content does.
func (r *Reader) resync() error {
	for {
		r.tape.mark = r.tape.offset()
		window := r.tape.ahead(searchView)
		end := len(window) - frameView
		if r.tape.err != nil {
			end = len(window)
		}
		for i := 0; i < end; i++ {
			begin, c := mayBegin(window[i:])
			if begin < 0 {
				continue
			}
			if err := r.stopped(); err != nil {
				return err
			}
			if c == plain || r.mayLookAgain(r.tape.offset()+int64(i)) && r.holdsRecord(c, window[i:]) {
				r.tape.pass(i + begin)
				return nil
			}
		}
		r.tape.pass(end)
		if len(window) == end {
			if ferr := r.tape.failure(); ferr != nil {
				return ferr
			}
			return io.EOF
		}
	}
}

// mayBegin tells how far into b, by its first bytes, a member or a record begins that
// is stored so; -1 when none does. A line of an ARC file has one before it.
func mayBegin(b []byte) (begin int, c coding) {
	switch b[0] {
	case 0x1f, 0x28:
		if c := codingOf(b); c == gzipped || c == zstandard {
			return 0, c
		}
	case 'W':
		if bytes.HasPrefix(b, []byte("WARC/1.")) {
			return 0, plain
		}
	case '\n':
		if isARCLine(b[1:]) {
			return 1, plain
		}
	}
	return -1, plain
}

// holdsRecord tells whether the member that text begins with begins with a record.
func (r *Reader) holdsRecord(c coding, text []byte) bool {
	if c == zstandard {
		content, read := r.members.peekFrame(text[:min(len(text), frameView)], r.look[:])
		r.again += int64(read)
		if len(content) > 0 {
			r.again += frameBlock
		}
		return textBeginsRecord(content)
	}
	for _, view := range []int{memberView, longView} {
		content, read := r.members.peekMember(text[:min(len(text), view)], r.look[:])
		r.again += int64(read)
		if textBeginsRecord(content) {
			return true
		}
		if !hasARCScheme(content) || bytes.IndexByte(content, '\n') >= 0 {
			return false
		}
	}
	return false
}

// textBeginsRecord tells whether text, behind line ends, begins with a record.
func textBeginsRecord(text []byte) bool {
	text = bytes.TrimLeft(text, "\r\n")
	return beginsRecord(text) || isARCLine(text)
}

func beginsLikeRecord(b *bufio.Reader) bool {
	head, _ := b.Peek(len("filedesc://"))
	if beginsRecord(head) {
		return true
	}
	if !hasARCScheme(head) {
		return false
	}
	line, _ := b.Peek(lineView)
	return isARCLine(line)
}

// hasARCScheme tells of the beginning of a line whether it is an address that ARC
// files have.
func hasARCScheme(text []byte) bool {
	for _, scheme := range []string{"http://", "https://", "ftp://", "dns:", "filedesc://"} {
		if bytes.HasPrefix(text, []byte(scheme)) {
			return true
		}
	}
	return false
}

// isARCLine tells whether text begins with the line before an ARC's record.
func isARCLine(text []byte) bool {
	if !hasARCScheme(text) {
		return false
	}
	line, _, _ := bytes.Cut(text[:min(len(text), lineView)], []byte("\n"))
	_, ok := arcFields(line)
	return ok
}

// recordEnd finds where in a block whose length is not to be believed the next record
// begins; -1 when none does.
func recordEnd(block []byte, arc bool) int {
	if !arc {
		return bytes.Index(block, []byte("\r\n\r\nWARC/1."))
	}
	for at := 0; ; at++ {
		i := bytes.IndexByte(block[at:], '\n')
		if i < 0 {
			return -1
		}
		if at += i; isARCLine(block[at+1:]) {
			return at
		}
	}
}
