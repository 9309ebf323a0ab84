package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
)

// ScanRobots looks through a file for the robots.txt and tdmrep.json files of sites. Members of
// gzip that hold one record of something else are passed over without being
// inflated.
func (x *Extractor) ScanRobots(ctx context.Context, in io.Reader, add func(RobotsEntry) error) error {
	r := NewReader(in, nil)
	defer r.Close()
	r.Stop = func() error { return context.Cause(ctx) }
	r.want = func(r *Record) bool { return r.Type == "response" && mayBeRules(r.URI) }
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		record, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := x.RobotsOf(record); ok {
			if err := add(e); err != nil {
				return err
			}
		}
	}
}

// pass goes from the header of a record, with a block of that length, to the next
// member of gzip, where that is certain: bytes that begin a member follow bytes
// that end one whose content is as long as this record alone (RFC 1952, 2.3.1). Where it is
// not, the member is opened again to be read through. false leaves all as it is.
func (r *Reader) pass(length int64) bool {
	if !r.packed || r.dense || r.whole == r.member || length > tapeKept || !r.mayLookAgain(r.tape.offset()) {
		return false
	}
	content := int64(r.headBytes) + length + int64(len("\r\n\r\n"))
	if r.record.arc {
		content = int64(r.headBytes) + length + int64(len("\n"))
	}
	want := uint32(content)
	r.tape.rewind(r.member + 2)
	var last [4]byte // the bytes before the window
	// Content that does not shrink grows by 5 bytes a block (RFC 1951, 3.2.4), and a
	// member's header may have 64 KiB.
search:
	for most := min(tapeKept/2, content+content/1024+longestHeader); r.tape.offset() < r.member+most; {
		window, err := r.tape.Peek(r.tape.Size())
		end := -1 // of the member, in window
		for from := 0; ; {
			i := bytes.Index(window[from:], []byte{0x1f, 0x8b, 8})
			if i < 0 {
				break
			}
			if i += from; endsMember(last, window[:i], want) {
				end = i
				break
			}
			if beginsMember(window[i:]) {
				break search // this one is broken, and has no end to go by
			}
			from = i + 1
		}
		if end < 0 && err == io.EOF && endsMember(last, window, want) {
			end = len(window)
		}
		if end >= 0 {
			r.tape.Discard(end)
			r.stream = nil
			return true
		}
		if err != nil || len(window) < r.tape.Size() {
			break
		}
		step := len(window) - 2
		copy(last[:], window[step-4:step])
		r.tape.Discard(step)
	}
	// Not certain: the member is read after all, from its beginning.
	r.again += r.tape.offset() - r.member
	r.tape.rewind(r.member)
	r.whole, r.stream = r.member, nil
	return true
}

const longestHeader = 66 << 10 // of a member of gzip, about (RFC 1952, 2.3)

// beginsMember tells whether a magic number is followed by what gzip writes behind
// it: flags that there are, how much was compressed, and a system (RFC 1952, 2.3.1).
// In compressed bytes that stands once in some ten thousand million.
func beginsMember(window []byte) bool {
	if len(window) < 10 {
		return false
	}
	flags, extra, system := window[3], window[8], window[9]
	return flags&0xe0 == 0 && (extra == 0 || extra == 2 || extra == 4) && (system <= 13 || system == 255)
}

// endsMember tells whether what lies before ends in that length.
func endsMember(last [4]byte, window []byte, want uint32) bool {
	tail := append(last[:], window[max(0, len(window)-4):]...)
	return binary.LittleEndian.Uint32(tail[len(tail)-4:]) == want
}
