package deflate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// TestMain holds that no test leaves memory of the library behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if n := Live(); n != 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "%d decoders are not closed\n", n)
		code = 1
	}
	os.Exit(code)
}

// samples are contents of different kinds, as long as asked.
func samples(r *rand.Rand, n int) map[string][]byte {
	random, few, text := make([]byte, n), make([]byte, n), []byte{}
	for i := range n {
		random[i], few[i] = byte(r.Uint32()), byte(r.IntN(3))
	}
	for len(text) < n {
		text = append(text, "<p>Some words on foxes. "+strings.Repeat("x", r.IntN(9))...)
	}
	return map[string][]byte{"random": random, "few": few, "zero": make([]byte, n), "text": text[:n]}
}

func member(t testing.TB, content []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "a name", "a comment", []byte("sl\x08\x0012345678")
	w.Write(content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMember: members of any content, by any effort, are what they were, whatever
// follows them.
func TestMember(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var d Decoder
	defer d.Close()
	sizes := []int{0, 1, 2, 300, 5000, 70_000, 3 << 20}
	if testing.Short() { // compressing takes a minute under the race detector
		sizes = sizes[:len(sizes)-1]
	}
	for _, n := range sizes {
		for kind, content := range samples(r, n) {
			for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, 1, 6, 9} {
				m := member(t, content, level)
				for _, behind := range []string{"", "\x1f\x8b\x08\x00 and so on"} {
					out, used, err := d.Member(append(bytes.Clone(m), behind...), 16<<20)
					if err != nil || used != len(m) || !bytes.Equal(out, content) {
						t.Fatalf("%d bytes of %s at level %d: %d bytes, %d used of %d, %v", n, kind, level, len(out), used, len(m), err)
					}
				}
			}
		}
	}
}

// TestMemberRefused: what is no whole and sound member within the bounds is an error,
// and the decoder goes on.
func TestMemberRefused(t *testing.T) {
	m := member(t, bytes.Repeat([]byte("Some words on foxes. "), 50_000), 6)
	spoilt := func(at int, c byte) []byte {
		b := bytes.Clone(m)
		b[at] ^= c
		return b
	}
	var d Decoder
	defer d.Close()
	for _, test := range []struct {
		name string
		src  []byte
		most int
		want error
	}{
		{"nothing", nil, 2 << 20, ErrBroken},
		{"the beginning of a header", m[:9], 2 << 20, ErrBroken},
		{"a header alone", m[:40], 2 << 20, ErrBroken},
		{"half", m[:len(m)/2], 2 << 20, ErrBroken},
		{"a byte missing", m[:len(m)-1], 2 << 20, ErrBroken},
		{"no member", []byte("WARC/1.0\r\nWARC-Type: response\r\n"), 2 << 20, ErrBroken},
		{"sum", spoilt(len(m)-8, 1), 2 << 20, ErrBroken},
		{"length", spoilt(len(m)-4, 1), 2 << 20, ErrBroken},
		{"middle", spoilt(len(m)/2, 0xff), 2 << 20, ErrBroken},
		{"a flag without meaning", spoilt(3, 0x20), 2 << 20, ErrBroken},
		{"a sum of the header", spoilt(3, 2), 2 << 20, ErrBroken},
		{"a byte too long", m, 1_050_000 - 1, ErrLong},
		{"much too long", m, 1, ErrLong},
		{"as long as may be", m, 1_050_000, nil},
		{"no content may be", m, 0, ErrLong},
		{"no content may be and none is", member(t, nil, 6), 0, nil},
	} {
		out, n, err := d.Member(test.src, test.most)
		if err != test.want || len(out) > test.most || err != nil && (n != 0 || out != nil) {
			t.Errorf("%s: got %d bytes of %d, %v; want %v", test.name, len(out), n, err, test.want)
		}
	}
}

// TestClose: memory is held from the first use to Close, and after a use again.
func TestClose(t *testing.T) {
	var d Decoder
	m := member(t, []byte("fox"), 6)
	for range 2 {
		if out, _, err := d.Member(m, 10); string(out) != "fox" || err != nil {
			t.Fatalf("got %q, %v", out, err)
		}
		if Live() != 1 {
			t.Errorf("%d decoders hold memory, want 1", Live())
		}
		d.Close()
		d.Close()
		if Live() != 0 {
			t.Errorf("%d decoders hold memory after Close", Live())
		}
	}
}

// TestMemberAllocates holds that a member costs no memory of its own.
func TestMemberAllocates(t *testing.T) {
	m := member(t, bytes.Repeat([]byte("fox "), 1000), 6)
	var d Decoder
	defer d.Close()
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := d.Member(m, 1<<20); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a member", n)
	}
}

// FuzzMember: what it undoes, the standard library undoes too and to the same; and
// what the standard library undoes whole, it does, but for the sum of a header.
func FuzzMember(f *testing.F) {
	for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, 6} {
		f.Add(member(f, []byte("Some words on foxes, some words on hounds."), level))
	}
	f.Add(member(f, nil, 6))
	f.Add([]byte("000\x00000000\x030\x00\x00\x00\x00\x00\x00\x00\x00")) // no gzip, but for its magic number
	const most = 1 << 22
	var d Decoder
	f.Fuzz(func(t *testing.T, src []byte) {
		defer d.Close()
		out, n, err := d.Member(src, most)
		r := bytes.NewReader(src)
		z, zerr := gzip.NewReader(r)
		var want bytes.Buffer
		if zerr == nil {
			z.Multistream(false)
			_, zerr = want.ReadFrom(z)
		} else if err == nil {
			return // the standard library bounds the texts of a header
		}
		switch {
		case err == nil && (zerr != nil || !bytes.Equal(out, want.Bytes()) || n != len(src)-r.Len()):
			t.Fatalf("%d bytes of %d; the standard library has %d of %d, %v", len(out), n, want.Len(), len(src)-r.Len(), zerr)
		case err != nil && zerr == nil && want.Len() <= most && src[3]&0xe2 == 0: // flags that the standard library passes over
			t.Fatalf("%v; the standard library has %d bytes", err, want.Len())
		}
	})
}
