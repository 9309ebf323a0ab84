package match

import (
	"fmt"
	"slices"

	"github.com/pairloom/pairloom/internal/fold"
)

// Mode says what it means that a text contains a query.
type Mode uint32

const (
	// Clean compares words after folding; see the package's documentation.
	Clean Mode = iota
	// MetaCLIP compares bytes as MetaCLIP's substring function does.
	MetaCLIP
)

// String is the mode's name in configurations: clean or metaclip.
func (m Mode) String() string {
	switch m {
	case Clean:
		return "clean"
	case MetaCLIP:
		return "metaclip"
	}
	return fmt.Sprintf("mode %d", uint32(m))
}

// ParseMode is the mode with this name.
func ParseMode(name string) (Mode, error) {
	for _, m := range []Mode{Clean, MetaCLIP} {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("there is no matching mode %q; want clean or metaclip", name)
}

// What cutSpaced does with a byte.
const (
	spaced = iota + 1 // it becomes a space
	marked            // it gets a space on each side
)

var spacing = func() (table [256]uint8) {
	for _, c := range " \t\r\n" {
		table[c] = spaced
	}
	for _, c := range ",.;:?!`" {
		table[c] = marked
	}
	return table
}()

// cutSpaced cuts text at the spaces that it has after MetaCLIP's spacing,
// without writing that out. Between two spaces there is an empty word. An entry
// between spaces is a substring of the spaced text exactly where the entry's
// words, cut at its spaces alone, stand there one after another: both begin and
// end with a space, so each space of the entry meets one of the text.
func cutSpaced(dst []byte, edges []uint32, text string) ([]byte, []uint32) {
	text = text[:min(len(text), fold.MaxBytes)]
	start := 0
	for i := range len(text) {
		switch spacing[text[i]] {
		case spaced:
			edges = append(edges, uint32(start), uint32(i))
			start = i + 1
		case marked:
			edges = append(edges, uint32(start), uint32(i), uint32(i), uint32(i+1))
			start = i + 1
		}
	}
	return pad(dst, text), append(edges, uint32(start), uint32(len(text)))
}

// cutEntry cuts an entry for mode MetaCLIP: at its spaces alone.
func cutEntry(dst []byte, edges []uint32, entry string) ([]byte, []uint32) {
	start := 0
	for i := range len(entry) {
		if entry[i] == ' ' {
			edges = append(edges, uint32(start), uint32(i))
			start = i + 1
		}
	}
	return pad(dst, entry), append(edges, uint32(start), uint32(len(entry)))
}

// pad copies text to dst's memory, with zero bytes behind it.
func pad(dst []byte, text string) []byte {
	dst = append(slices.Grow(dst[:0], len(text)+fold.Padding), text...)
	clear(dst[len(dst) : len(dst)+fold.Padding])
	return dst
}
