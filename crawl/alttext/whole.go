package alttext

import "unicode/utf8"

// Whole makes addresses that need no base what [Resolve] makes of them. The zero value
// is ready; it keeps its buffer and is one goroutine's.
type Whole struct{ r resolver }

// Address is false for what is no whole http or https address. The result stands until
// the next call.
func (w *Whole) Address(ref []byte) ([]byte, bool) {
	if !utf8.Valid(ref) {
		return nil, false
	}
	return w.r.resolve(ref)
}

// AppendClean appends s to dst as [Clean] has it.
func AppendClean(dst, s []byte) []byte { return appendClean(dst, s) }
