package match

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

var update = flag.Bool("update", false, "rewrite testdata/v1.match")

// versionOne are the queries of testdata/v1.match.
var versionOne = []string{"fox", "red fox", "fox in the snow", "c++", "Café", "狗在", "internationalisation", "!!!", "Fox"}

// TestVersionOne holds that files of version 1 stay readable, and that nothing
// about the format changes without a new version.
func TestVersionOne(t *testing.T) {
	const path = "testdata/v1.match"
	if *update {
		if err := Compile(path, versionOne, "0123456789abcdef", Clean); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := attach(bytes.Clone(data))
	if err != nil {
		t.Fatal(err)
	}
	text := "A red fox in the snow; C++, café, 狗在跑, internationalisation"
	if got, want := m.Find(nil, text, &Scratch{}), []uint32{0, 1, 2, 3, 4, 5, 6}; !slices.Equal(got, want) {
		t.Errorf("Find = %v, want %v", got, want)
	}
	made := build(versionOne, Clean, "0123456789abcdef")
	// The Unicode version, and with it the checksum, change with the toolchain.
	for _, b := range [][]byte{data, made} {
		clear(b[unicodeAt:countsAt])
		clear(b[checksumAt : checksumAt+8])
	}
	if !bytes.Equal(data, made) {
		t.Errorf("build makes other bytes than %s has: raise version, keep reading version 1, and state both in docs/format.md", path)
	}
}

// TestPageAgrees holds docs/format.md against the code.
func TestPageAgrees(t *testing.T) {
	page, err := os.ReadFile("docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	var w wordSlot
	var e edgeSlot
	for _, line := range []string{
		fmt.Sprintf("# Compiled query list, version %d\n", version),
		fmt.Sprintf("header        %d bytes", headerSize),
		fmt.Sprintf("words   %d bytes a slot", unsafe.Sizeof(w)),
		fmt.Sprintf("edges   %d bytes a slot", unsafe.Sizeof(e)),
		fmt.Sprintf("| %d | 4 | mode: %d %s, %d %s |", modeAt, Clean, Clean, MetaCLIP, MetaCLIP),
		fmt.Sprintf("| %d | %d | the list's hash", listHashAt, listHashes),
		fmt.Sprintf("| %d | %d | version of the Unicode tables", unicodeAt, countsAt-unicodeAt),
		fmt.Sprintf("| %d | 4 | queries |", countsAt),
		fmt.Sprintf("| %d | 8 | slots in words |", lengthsAt),
		fmt.Sprintf("| %d | 8 | xxhash64", checksumAt),
		fmt.Sprintf("| %d | 8 | high: bytes 8 to 15", unsafe.Offsetof(w.high)),
		fmt.Sprintf("| %d | 4 | number, with bits 30 and 31", unsafe.Offsetof(w.id)),
		fmt.Sprintf("| %d | 4 | the query that is this word alone", unsafe.Offsetof(w.query)),
		fmt.Sprintf("| %d | 4 | length of the word", unsafe.Offsetof(w.length)),
		fmt.Sprintf("| %d | 4 | where the word begins", unsafe.Offsetof(w.at)),
		fmt.Sprintf("| %d | 4 | number of the word |", unsafe.Offsetof(e.word)),
		fmt.Sprintf("| %d | 4 | number of the node it leads to", unsafe.Offsetof(e.to)),
		fmt.Sprintf("| %d | 4 | the query that ends there", unsafe.Offsetof(e.query)),
	} {
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/format.md does not say %q", line)
		}
	}
}
