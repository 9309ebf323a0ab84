package picture

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestProtocolRoundTrip(t *testing.T) {
	var b bytes.Buffer
	for _, original := range [][]byte{{}, []byte("abc"), bytes.Repeat([]byte("xyz"), 1<<20)} {
		r := request{shortSide: 256, quality: 91, maxPixels: 1 << 40, original: original}
		b.Write(appendRequest(nil, &r))
		b.Write(original)
		got, err := readRequest(&b, make([]byte, 0, 10))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.original, original) || got.shortSide != 256 || got.quality != 91 || got.maxPixels != 1<<40 {
			t.Errorf("request of %d bytes came back as %d bytes, %+v", len(original), len(got.original), got.quality)
		}
	}
	if _, err := readRequest(&b, nil); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestProtocolDamage(t *testing.T) {
	r := request{shortSide: 1, original: []byte("0123456789")}
	whole := append(appendRequest(nil, &r), r.original...)
	for cut := 1; cut < len(whole); cut++ {
		if _, err := readRequest(bytes.NewReader(whole[:cut]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("request cut at %d: %v", cut, err)
		}
	}
	res := Result{Reason: ReasonCorrupt, Detail: "d", OriginalFormat: "png", JPEG: []byte("jj")}
	whole = appendResponse(nil, &res)
	for cut := 1; cut < len(whole); cut++ {
		if _, err := readResponse(bytes.NewReader(whole[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("response cut at %d: %v", cut, err)
		}
	}
	huge := appendRequest(nil, &request{})
	copy(huge[20:], "\xff\xff\xff\xff")
	if _, err := readRequest(bytes.NewReader(huge), nil); !errors.Is(err, errProtocol) {
		t.Errorf("a length of 4 GiB: %v", err)
	}
}

// What parses must encode to the same bytes.
func FuzzReadResponse(f *testing.F) {
	f.Add(appendResponse(nil, &Result{}))
	f.Add(appendResponse(nil, &Result{Reason: ReasonEmpty, Detail: "x", OriginalFormat: "gif", JPEG: []byte("abc"), Width: 3, PHash: 9}))
	f.Add([]byte("PLR1\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		res, err := readResponse(in)
		if err != nil {
			return
		}
		used := b[:len(b)-in.Len()]
		if out := appendResponse(nil, &res); !bytes.Equal(out, used) {
			t.Fatalf("%x encodes to %x", used, out)
		}
	})
}

func FuzzReadRequest(f *testing.F) {
	f.Add(append(appendRequest(nil, &request{shortSide: 7, original: []byte("ab")}), "ab"...))
	f.Add([]byte("PLQ1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		r, err := readRequest(in, nil)
		if err != nil {
			return
		}
		used := b[:len(b)-in.Len()]
		if out := append(appendRequest(nil, &r), r.original...); !bytes.Equal(out, used) {
			t.Fatalf("%x encodes to %x", used, out)
		}
	})
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"", "GIF89a", "RIFF0000WEBP", "\xff\xd8\xff", "   <svg>", "\x00\x00\x00\x20ftypavif"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name, known, decodable := format(b)
		if known != (name != "") || decodable && !known {
			t.Fatalf("%q: %v %v", name, known, decodable)
		}
		gifFirstFrameWhole(b)
	})
}

// A whole first frame stays whole when more follows, and every cut before its
// end is seen.
func TestGIFCuts(t *testing.T) {
	b := gifOf(t, scene(40, 30))
	first := len(b)
	for n := range len(b) {
		if gifFirstFrameWhole(b[:n]) {
			first = n
			break
		}
	}
	if first < len(b)/2 || first == len(b) {
		t.Fatalf("the first frame is whole after %d of %d bytes", first, len(b))
	}
	for n := first; n <= len(b); n++ {
		if !gifFirstFrameWhole(b[:n]) {
			t.Errorf("whole at %d bytes, cut at %d", first, n)
		}
	}
	if res := convertBytes(b[:first]); res.Reason != "" {
		t.Errorf("first frame alone: %s %s", res.Reason, res.Detail)
	}
}
