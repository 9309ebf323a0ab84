package stats

import (
	"testing"
	"unsafe"
)

func TestNamesKeepNothingOfTheCaller(t *testing.T) {
	n := newNames(10)
	for range 3 {
		b := []byte("example.org")
		n.add(unsafe.String(&b[0], len(b)), 1)
		copy(b, "overwritten")
	}
	if got := n.top(5); len(got) != 1 || got[0] != (Name{"example.org", 3}) {
		t.Errorf("names are %v, want example.org three times", got)
	}
}
