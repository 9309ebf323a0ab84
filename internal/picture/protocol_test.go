package picture

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestProtocolRoundTrip(t *testing.T) {
	var b bytes.Buffer
	for _, original := range [][]byte{{}, []byte("abc"), bytes.Repeat([]byte("xyz"), 1<<20)} {
		r := request{mode: Border, always: true, format: WebP, size: 300, quality: 91, maxPixels: 1 << 40, original: original}
		b.Write(appendRequest(nil, &r))
		b.Write(original)
		got, err := readRequest(&b, make([]byte, 0, 10))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.original, original) || got.mode != Border || !got.always || got.format != WebP || got.size != 300 ||
			got.quality != 91 || got.maxPixels != 1<<40 {
			t.Errorf("request of %d bytes came back as %d bytes, %+v", len(original), len(got.original), got.quality)
		}
	}
	if _, err := readRequest(&b, nil); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestProtocolDamage(t *testing.T) {
	r := request{mode: No, format: JPEG, original: []byte("0123456789")}
	whole := append(appendRequest(nil, &r), r.original...)
	for cut := 1; cut < len(whole); cut++ {
		if _, err := readRequest(bytes.NewReader(whole[:cut]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("request cut at %d: %v", cut, err)
		}
	}
	res := Result{Reason: ReasonCorrupt, Detail: "d", OriginalFormat: "png", License: "l", Bytes: []byte("jj")}
	whole = appendResponse(nil, &res)
	for cut := 1; cut < len(whole); cut++ {
		if _, err := readResponse(bytes.NewReader(whole[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("response cut at %d: %v", cut, err)
		}
	}
	huge := appendRequest(nil, &request{mode: No, format: JPEG})
	copy(huge[20:], "\xff\xff\xff\xff")
	if _, err := readRequest(bytes.NewReader(huge), nil); !errors.Is(err, errProtocol) {
		t.Errorf("a length of 4 GiB: %v", err)
	}
}

// What parses must encode to the same bytes.
func FuzzReadResponse(f *testing.F) {
	f.Add(appendResponse(nil, &Result{}))
	f.Add(appendResponse(nil, &Result{Reason: ReasonEmpty, Detail: "x", OriginalFormat: "gif", Bytes: []byte("abc"), Width: 3, PHash: 9}))
	f.Add([]byte("PLR2\xff\xff"))
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
	f.Add(append(appendRequest(nil, &request{mode: No, format: JPEG, original: []byte("ab")}), "ab"...))
	f.Add([]byte("PLQ2"))
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
		name, known, refusal := format(b)
		if known != (name != "") || refusal != "" && !known {
			t.Fatalf("%q: %v %q", name, known, refusal)
		}
		gifFirstFrameWhole(b)
		c := readContainer(name, b)
		if c.frames < 1 {
			t.Fatalf("%d frames", c.frames)
		}
		license, credit := c.claims(readEXIF(c.exif))
		for _, s := range []string{license, credit} {
			if len(s) > maxStatement || !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x00") {
				t.Fatalf("claims %q", s)
			}
		}
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
