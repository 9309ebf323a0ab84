package archive

import (
	"bytes"

	"github.com/pairloom/pairloom/internal/deflate"
)

// Bounds on what is read at once; longer members are read as streams.
const (
	firstMember  = 64 << 10 // of a member, compressed, that is looked at first
	wholeMember  = 4 << 20  // compressed
	wholeContent = 16 << 20 // and not
)

// openWhole reads a member of gzip at once, which most are short enough for. What it
// does not read, for whatever reason, is left to the library's decoder of streams,
// which has the last word on it.
//
// A member of which only a part is in view looks like one that is broken, so the
// view widens while the file has more, up to a bound: a broken member is looked at
// four times at most.
func (r *Reader) openWhole() bool {
	if r.want != nil && r.whole != r.member { // most are passed over
		return false
	}
	for view := firstMember; view <= wholeMember; view *= 4 {
		src := r.tape.ahead(view)
		content, n, err := r.decoder.Member(src, wholeContent)
		if err == nil {
			r.tape.pass(n)
			if r.want == nil && r.onlyRecord(content) {
				return true
			}
			r.content.Reset(content)
			r.inflate.Reset(&r.content)
			r.stream, r.packed, r.dense = r.inflate, true, false
			return true
		}
		if err != deflate.ErrBroken || len(src) < view {
			return false
		}
	}
	return false
}

// onlyRecord reads a member's content that is one record of a WARC file and nothing
// else but line ends: its block is a part of content. Of anything else it leaves no
// trace.
func (r *Reader) onlyRecord(content []byte) bool {
	if !bytes.HasPrefix(content, []byte("WARC/")) {
		return false
	}
	record, date := r.record, r.date
	h := r.beginHeader()
	at := bytes.IndexByte(content, '\n') + 1
	for at > 0 && at <= maxHeaderBytes {
		i := bytes.IndexByte(content[at:], '\n')
		if i < 0 {
			break
		}
		line := content[at : at+i]
		for len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if beginsHeader(line) {
			break
		}
		if at += i + 1; len(line) > 0 {
			r.field(&h, line)
			continue
		}
		length, ok := r.endHeader(h)
		if !ok || length > int64(len(content)-at) || at > maxHeaderBytes || !onlyLineEnds(content[at+int(length):]) {
			break
		}
		r.record.Offset, r.record.Block = r.member, content[at:at+int(length):at+int(length)]
		return true
	}
	r.record, r.date = record, date
	return false
}

func onlyLineEnds(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}
