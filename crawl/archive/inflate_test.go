package archive

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strings"
	"testing"
)

// samples are contents of different kinds, as long as asked.
func samples(r *rand.Rand, n int) map[string][]byte {
	random, few, text := make([]byte, n), make([]byte, n), []byte{}
	for i := range n {
		random[i], few[i] = byte(r.Uint32()), byte(r.IntN(3))
	}
	for len(text) < n {
		text = append(text, page("http://example.org/"+strings.Repeat("x", r.IntN(9)))...)
	}
	return map[string][]byte{"random": random, "few": few, "zero": make([]byte, n), "text": text[:n]}
}

// TestInflate: members of any content, by any effort, are what they were.
func TestInflate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var f inflater
	for _, n := range []int{0, 1, 2, 300, 5000, 70_000, 3 << 20} {
		for kind, content := range samples(r, n) {
			for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, 1, 6, 9} {
				var b bytes.Buffer
				w, err := gzip.NewWriterLevel(&b, level)
				if err != nil {
					t.Fatal(err)
				}
				w.Name, w.Extra = "a name", []byte("sl\x08\x0012345678")
				w.Write(content)
				w.Close()
				src := append(b.Bytes(), make([]byte, lookAhead)...)
				out, used, err := f.member(src, 16<<20)
				if err != nil || used != b.Len() || !bytes.Equal(out, content) {
					t.Fatalf("%d bytes of %s at level %d: %d bytes of %d, %d used of %d, %v", n, kind, level, len(out), len(content), used, b.Len(), err)
				}
			}
		}
	}
}

// FuzzInflate: what it reads, the standard library reads too and as the same.
func FuzzInflate(f *testing.F) {
	f.Add([]byte(gz(page(one))))
	f.Add([]byte(gz("")))
	f.Add([]byte("000\x00000000\x030\x00\x00\x00\x00\x00\x00\x00\x00")) // no gzip, but for its magic number
	f.Fuzz(func(t *testing.T, src []byte) {
		var f inflater
		out, n, err := f.member(append(src, make([]byte, lookAhead)...), 1<<22)
		if err != nil || n > len(src) {
			return
		}
		z, err := gzip.NewReader(bytes.NewReader(src[:n]))
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		var want bytes.Buffer
		if _, err := want.ReadFrom(z); err != nil || !bytes.Equal(out, want.Bytes()) {
			t.Fatalf("%d bytes, want %d, %v", len(out), want.Len(), err)
		}
	})
}
