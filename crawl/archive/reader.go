package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/pairloom/pairloom/internal/deflate"
)

// Caps of what a file can make a Reader hold. Longer blocks are cut off, which
// Record.Cut says.
const (
	maxHeaderBytes = 64 << 10 // of a record's header
	maxBlockBytes  = 32 << 20 // of a record's block
)

// Why stretches of a file are no records; with those of [Extractor], the reasons
// of a tally.
const (
	BrokenMember = "broken_member" // compressed bytes that cannot be undone, or end too soon
	BrokenRecord = "broken_record" // a header that is none, or a block that ends too soon
	StrayBytes   = "stray_bytes"   // neither a record nor a member
)

// A Record is one of an archive. Its fields are valid until the next is read.
type Record struct {
	Offset      int64  // of its member, or of itself in a plain file, in the file as it is stored
	Type        string // WARC-Type; "response" for those of an ARC file
	URI         string // WARC-Target-URI, without angle brackets
	Date        int64  // WARC-Date in Unix seconds; 0 when there is none
	ContentType string
	Block       []byte
	Cut         bool // the block is longer than what is kept of it
	HTTP        bool // an ARC's record of an http or https address
	arc         bool
}

// Reader reads the records of one file.
type Reader struct {
	tape    *tape
	members members
	broken  func(reason string, offset int64)

	stream  *bufio.Reader // of the member under way; the tape itself in a plain file
	member  int64         // its offset
	packed  bool          // stream is a member's
	inflate *bufio.Reader
	decoder deflate.Decoder
	content bytes.Reader
	block   []byte
	header  []byte
	record  Record
	date    string // of which record.Date is

	// want tells which records are; nil for all. See pass.
	want      func(*Record) bool
	headBytes int  // of the record's header as it is stored
	doubt     bool // bytes that are no record, at doubtAt, are not told yet
	doubtAt   int64
	whole     int64 // the member that must be read through
	dense     bool  // the member is no gzip's

	// Stop, where it is set, is asked before each read of the file and while bytes that
	// are no record are passed over. Next returns its error.
	Stop  func() error
	again int64 // bytes looked at once more: see mayLookAgain
	look  [lineView]byte
}

// NewReader reads in, which is buffered here. broken is told each stretch that is
// no record: a reason and where in the file it begins. It may be nil.
func NewReader(in io.Reader, broken func(reason string, offset int64)) *Reader {
	if broken == nil {
		broken = func(string, int64) {}
	}
	r := &Reader{broken: broken, inflate: bufio.NewReaderSize(nil, 64<<10), whole: -1}
	r.tape = newTape(stopping{in, r})
	r.members.tape = r.tape
	return r
}

// Close frees what decoders hold. The file is the caller's.
func (r *Reader) Close() {
	r.members.close()
	r.decoder.Close()
}

// Offset is how much of the file has been read.
func (r *Reader) Offset() int64 { return r.tape.offset() }

// Next returns the next record, or io.EOF at the end of the file. Other errors
// are those of reading the file; what is wrong within it is told to broken.
func (r *Reader) Next() (*Record, error) {
	for {
		if r.stream == nil {
			if err := r.open(); err != nil {
				return nil, err
			}
			if r.stream == nil { // the member was one record
				return &r.record, nil
			}
		}
		ok, err := r.next()
		if r.doubt && (ok || err == io.EOF) {
			r.broken(BrokenRecord, r.doubtAt)
			r.doubt = false
		}
		if ok {
			return &r.record, nil
		}
		// The stream is over, passed over, or broken.
		if ferr := r.tape.failure(); ferr != nil {
			return nil, ferr
		}
		r.stream = nil
		switch {
		case err == io.EOF && !r.packed:
			return nil, io.EOF
		case err != io.EOF:
			reason := BrokenMember
			if !r.packed {
				reason = BrokenRecord
			}
			if err := r.lost(reason); err != nil {
				return nil, err
			}
		}
	}
}

// open finds the next member, or goes on in a plain file. stream is nil behind it when
// the member was read at once.
func (r *Reader) open() error {
	for {
		magic, err := r.tape.Peek(longestMagic)
		if len(magic) == 0 {
			if ferr := r.tape.failure(); ferr != nil {
				return ferr
			}
			return err
		}
		r.member = r.tape.offset()
		r.tape.mark = r.member
		switch c := codingOf(magic); c {
		case skippable:
			if err := r.members.skip(); err != nil {
				if err := r.lost(BrokenMember); err != nil {
					return err
				}
			}
		case gzipped, zstandard:
			if c == gzipped && r.openWhole() {
				return nil
			}
			in, err := r.members.open(c)
			if err != nil {
				if err := r.lost(BrokenMember); err != nil {
					return err
				}
				continue
			}
			r.inflate.Reset(in)
			r.stream, r.packed, r.dense = r.inflate, true, c != gzipped
			return nil
		default:
			if beginsLikeRecord(r.tape.Reader) {
				r.stream, r.packed = r.tape.Reader, false
				return nil
			}
			if r.padding() {
				continue
			}
			r.broken(StrayBytes, r.member)
			if err := r.resync(); err != nil {
				return err
			}
		}
	}
}

// padding passes over zeros and line ends between members.
func (r *Reader) padding() (some bool) {
	for {
		b, err := r.tape.ReadByte()
		if err != nil {
			return some
		}
		if b != 0 && b != '\r' && b != '\n' {
			r.tape.UnreadByte()
			return some
		}
		some = true
	}
}

// next reads the next record of the stream. ok is false at the end of the stream,
// where err is io.EOF, and when it is broken.
func (r *Reader) next() (ok bool, err error) {
	for {
		// Blank lines end a record; tolerate any number.
		var b byte
		for b, err = r.stream.ReadByte(); err == nil && (b == '\r' || b == '\n'); b, err = r.stream.ReadByte() {
		}
		if err != nil {
			return false, err
		}
		r.stream.UnreadByte()
		if !r.packed {
			r.member = r.tape.offset()
			r.tape.mark = r.member
			if magic, _ := r.stream.Peek(longestMagic); codingOf(magic) != plain { // members behind plain records
				return false, r.end()
			}
		}
		if !beginsLikeRecord(r.stream) {
			r.suspect(r.member)
			if err := r.search(); err != nil {
				return false, err
			}
			continue
		}
		length, ok, err := r.readHeader()
		if err != nil {
			return false, err
		}
		if !ok {
			r.suspect(r.member)
			continue
		}
		r.record.Offset = r.member
		if r.want != nil && !r.want(&r.record) && r.pass(length) {
			return false, io.EOF
		}
		whole, err := r.readBlock(length)
		if err != nil {
			return false, err
		}
		if !whole {
			r.suspect(r.member)
			continue
		}
		return true, nil
	}
}

// suspect notes bytes that are no record. In a member it may be the member that is
// broken, which its end shows and is one fault, not many.
func (r *Reader) suspect(offset int64) {
	if !r.doubt {
		r.doubt, r.doubtAt = true, offset
	}
}

// end makes a plain stream end where members begin.
func (r *Reader) end() error {
	r.packed = true
	return io.EOF
}

// search passes over lines to the next one that begins a record.
func (r *Reader) search() error {
	for {
		line, err := r.stream.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return err
		}
		if err == nil && len(line) > 0 {
			if beginsLikeRecord(r.stream) {
				return nil
			}
			if magic, _ := r.stream.Peek(longestMagic); !r.packed && codingOf(magic) == gzipped {
				return nil
			}
		}
	}
}

// readBlock reads the record's block. It is not whole when the stream ends before
// a block of that length does and nothing of it is worth reading.
func (r *Reader) readBlock(length int64) (whole bool, err error) {
	r.record.Cut = length > maxBlockBytes
	n := int(min(length, maxBlockBytes))
	start := r.tape.offset()
	got := 0
	for got < n && err == nil {
		// Memory grows with what is there, not with what is claimed.
		want := min(n, max(64<<10, 2*got))
		if cap(r.block) < want {
			r.block = append(make([]byte, 0, want), r.block[:got]...)
		}
		var k int
		k, err = io.ReadFull(r.stream, r.block[got:want])
		got += k
		// So far as can be gone back no end of such a block is seen, so a record that
		// begins here belies its length.
		if got == tapeKept/2 && length > tapeKept && !r.packed && err == nil {
			r.record.Block = r.block[:got]
			if ok, err := r.shorten(start); ok || err != nil {
				return ok, err
			}
		}
	}
	r.record.Block = r.block[:got]
	if err == nil && length > int64(n) {
		_, err = io.CopyN(io.Discard, r.stream, length-int64(n))
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		// A member that is whole and holds less than its record claims says all
		// it has; a file that breaks off does not.
		if r.packed && r.memberEnded() {
			return got > 0, nil
		}
		if r.packed {
			return false, io.ErrUnexpectedEOF
		}
		return r.shorten(start)
	}
	if err != nil {
		return false, err
	}
	if !r.packed {
		tail, _ := r.stream.Peek(lineView)
		if tail = bytes.TrimLeft(tail, "\r\n"); len(tail) >= longestMagic && codingOf(tail) == plain && !textBeginsRecord(tail) {
			if ok, err := r.shorten(start); ok || err != nil {
				return ok, err
			}
		}
	}
	return true, nil
}

// memberEnded tells whether the member under way is read to its sound end.
func (r *Reader) memberEnded() bool {
	_, err := r.stream.Peek(1)
	return err == io.EOF
}

// shorten reads a plain block again that does not end where its length says: it
// ends before the next record, if one begins within what is kept.
func (r *Reader) shorten(start int64) (bool, error) {
	if r.tape.failure() != nil {
		return false, r.tape.failure()
	}
	end := recordEnd(r.record.Block, r.record.arc)
	if end < 0 {
		return false, nil
	}
	begin, reached := start+int64(end), r.tape.offset()
	if r.again += reached - begin; !r.mayLookAgain(reached) {
		return false, nil
	}
	r.tape.rewind(begin)
	if r.tape.offset() != begin { // too far back
		return false, nil
	}
	r.record.Block, r.record.Cut = r.record.Block[:end], false
	return true, nil
}

var errHeader = errors.New("header too long")

// unix is the time of a WARC-Date (W3C-DTF), 0 when it is none. Dates repeat.
func (r *Reader) unix(date []byte) int64 {
	if string(date) == r.date {
		return r.record.Date
	}
	at, err := time.Parse(time.RFC3339, string(date))
	if err != nil {
		r.date = ""
		return 0
	}
	r.date = string(date)
	return at.Unix()
}
