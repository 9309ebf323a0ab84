package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// arcOf is a record as an ARC file has it, with that length.
func arcOf(uri, block string, length int) string {
	return fmt.Sprintf("%s 192.0.2.1 20240506070809 text/html %d\n%s\n", uri, length, block)
}

func arc(uri string) string { return arcOf(uri, httpPage(uri), len(httpPage(uri))) }

// TestBrokenARC: in an ARC file, too, what is broken costs itself alone.
func TestBrokenARC(t *testing.T) {
	a, b, c := arc(one), arc(two), arc(three)
	ga, gb, gc := gz(a), gz(b), gz(c)
	za, zb, zc := zst(t, a, nil), zst(t, b, nil), zst(t, c, nil)
	flipped := gb[:len(gb)/2] + "\x00\xff\x00\xff" + gb[len(gb)/2+4:]
	long := arcOf(two, httpPage(two), 999_258)
	endless := arcOf(two, httpPage(two), 1<<40)
	short := arcOf(two, httpPage(two), 100)
	far := strings.Repeat(c, 40_000) // more than a Reader goes back
	for _, test := range []struct {
		name, file      string
		records, broken []string
	}{
		{"a member cut short", ga + gb[:len(gb)-100] + gc, at(one, 0, three, len(ga+gb)-100), at(BrokenMember, len(ga))},
		{"a member without its trailer", ga + gb[:len(gb)-8] + gc, at(one, 0, two, len(ga), three, len(ga+gb)-8), at(BrokenMember, len(ga))},
		{"a member whose middle is spoilt", ga + flipped + gc, at(one, 0, three, len(ga+gb)), at(BrokenMember, len(ga))},
		{"garbage between members", ga + strings.Repeat("GARBAGE", 9) + gc, at(one, 0, three, len(ga)+63), at(StrayBytes, len(ga))},
		{"a member that begins with an empty line", ga + "GARBAGE" + gz("\n"+c), at(one, 0, three, len(ga)+7), at(StrayBytes, len(ga))},
		{"a member with a long address", ga + "GARBAGE" + gz(arc(three+"?"+noise(2000))), at(one, 0, three+"?"+noise(2000), len(ga)+7), at(StrayBytes, len(ga))},
		{"a frame of zstd that is spoilt", za + zb[:len(zb)-20] + zc, at(one, 0, three, len(za+zb)-20), at(BrokenMember, len(za))},
		{"plain, garbage before the first record", "GARBAGE\n" + c, at(three, 8), at(StrayBytes, 0)},
		{"plain, a length far too great", a + long + c, at(one, 0, two, len(a), three, len(a+long)), nil},
		{"plain, a length beyond any file", a + endless + c, at(one, 0, two, len(a), three, len(a+endless)), nil},
		{"plain, a length too small", short + c, at(two, 0, three, len(short)), at(BrokenRecord, len(short)-len(httpPage(two))-1+100)},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, broken := read(t, test.file)
			wantList(t, "records", records, test.records...)
			wantList(t, "broken", broken, test.broken...)
		})
	}
	t.Run("plain, a length beyond any file in a long one", func(t *testing.T) {
		if records, broken := read(t, endless+far); len(records) != 40_001 || len(broken) != 0 {
			t.Errorf("got %d records, broken %q; want 40001 and none", len(records), broken)
		}
	})
}

// noise is text that hardly shrinks.
func noise(n int) string {
	var b strings.Builder
	for x := uint32(1); b.Len() < n; x = x*1664525 + 1013904223 {
		fmt.Fprintf(&b, "%08x", x)
	}
	return b.String()[:n]
}

// TestBrokenPlain: what a plain WARC file's records claim costs no other record.
func TestBrokenPlain(t *testing.T) {
	a, b, c := page(one), page(two), page(three)
	cut := b[:60] + "\r\n" // within its header
	endless := warcOf("response", two, "application/http", httpPage(two), 1<<40)
	for _, test := range []struct {
		name, file      string
		records, broken []string
	}{
		{"a header that breaks off", a + cut + c, at(one, 0, three, len(a+cut)), at(BrokenRecord, len(a))},
		{"the same in a member", gz(a + cut + c), at(one, 0, three, 0), at(BrokenRecord, 0)},
		{"the same at a member's beginning", gz(cut + c), at(three, 0), at(BrokenRecord, 0)},
		{"first lines alone", strings.Repeat("WARC/1.0\r\n", 1000) + c, at(three, 10_000), at(BrokenRecord, 0)},
		{"a length beyond any file", endless + c, at(two, 0, three, len(endless)), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, broken := read(t, test.file)
			wantList(t, "records", records, test.records...)
			wantList(t, "broken", broken, test.broken...)
		})
	}
	t.Run("a length beyond any file in a long one", func(t *testing.T) {
		if records, broken := read(t, endless+strings.Repeat(c, 30_000)); len(records) != 30_001 || len(broken) != 0 {
			t.Errorf("got %d records, broken %q; want 30001 and none", len(records), broken)
		}
	})
}

// TestBrokenIsLinear: whatever a file is made to look like, reading it, or looking
// through it for robots.txt, costs a bounded number of looks at each of its bytes,
// beside those that a search may cost anyway. Past that bound records may be lost. The
// cost is what is read of the file as stored, again and again.
func TestBrokenIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("it counts in one goroutine, and takes a minute under the race detector")
	}
	noTrailer := gz(page(two))
	noTrailer = noTrailer[:len(noTrailer)-8]
	noFrameEnd := zst(t, page(two), nil)
	noFrameEnd = noFrameEnd[:len(noFrameEnd)-4]
	lying := warcOf("response", two, "application/http", "HTTP/1.1 200 OK\r\n\r\n", 1<<24)
	// A block of deflate that is stored, as long as can be, so that what begins in it
	// is read to the end of many and then breaks.
	nested := "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x00\x0a\x00\xf5\xffWARC/1.0\r\n"
	for _, test := range []struct {
		name, unit string
		size       int // bytes of the smallest of three files
	}{
		{"first lines of records", "WARC/1.0\r\n", 1 << 20},
		{"first lines of records within lines", "A: WARC/1.0\r\n", 1 << 20},
		{"members without their trailers", noTrailer, 2 << 20},
		{"beginnings of members", "\x1f\x8b\x08\x00", 1 << 20},
		{"beginnings of members with a word each", nested, 1 << 20},
		{"frames without their sums", noFrameEnd, 1 << 20},
		{"beginnings of frames", "\x28\xb5\x2f\xfd", 1 << 20},
		{"lengths that lie", lying, 1 << 20},
		{"addresses", "\nhttp://", 1 << 20},
		{"lines of ARC files that lie", arcOf(two, "HTTP/1.1 200 OK\r\n\r\n", 1<<24), 1 << 20},
		{"members whose lengths are not theirs", gz(page(two) + "\r\n"), 1 << 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, scan := range []bool{false, true} {
				var cost [3]int64
				for i := range cost {
					size := test.size << i
					file := strings.Repeat(test.unit, size/len(test.unit)) + gz(page(three))
					r := NewReader(strings.NewReader(file), nil)
					if scan {
						r.want = func(r *Record) bool { return r.URI == three }
					}
					for {
						_, err := r.Next()
						if err == io.EOF {
							break
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					cost[i] = r.tape.read + r.again
					r.Close()
					if most := 256<<20 + 512*int64(size); cost[i] > most {
						t.Errorf("%d bytes, scan %v: cost %d, want at most %d", size, scan, cost[i], most)
					}
				}
			}
		})
	}
}

// TestStop: a Reader stops in the middle of what is no record.
func TestStop(t *testing.T) {
	stop := errors.New("stop")
	for name, unit := range map[string]string{
		"first lines":           "WARC/1.0\r\n",
		"beginnings of members": "\x1f\x8b\x08\x00",
		"lines":                 "<p>Some words on foxes.</p>\n",
		"one record of lines":   "",
	} {
		t.Run(name, func(t *testing.T) {
			file := strings.Repeat(unit, 2_000_000/max(1, len(unit)))
			if unit == "" {
				file = page(one) + "x\n" + strings.Repeat("<p>Some words on foxes.</p>\n", 100_000)
			}
			r := NewReader(strings.NewReader(file), nil)
			defer r.Close()
			asked := 0
			r.Stop = func() error {
				if asked++; asked > 2 {
					return stop
				}
				return nil
			}
			var err error
			for err == nil {
				_, err = r.Next()
			}
			if err != stop || r.Offset() >= int64(len(file)) {
				t.Errorf("got %v at %d of %d, want it to stop", err, r.Offset(), len(file))
			}
		})
	}
}

// TestRobotsBehindBroken: robots.txt is obeyed where it lies behind what is broken.
func TestRobotsBehindBroken(t *testing.T) {
	rules := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nUser-agent: *\nDisallow: /two\n"
	robots := "http://example.org/robots.txt"
	arcRobots := gz(arcOf(robots, rules, len(rules)))
	warcRobots := gz(warc("response", robots, "application/http; msgtype=response", rules))
	a, b := gz(arc(one)), gz(arc(two))
	for name, file := range map[string]string{
		"ARC, a member cut short":   a[:len(a)-100] + arcRobots + a + b,
		"ARC, no trailer":           a[:len(a)-8] + arcRobots + a + b,
		"ARC, garbage":              a + strings.Repeat("GARBAGE", 9) + arcRobots + b,
		"ARC, plain, a length lies": arcOf(three, httpPage(three), 999_258) + arcOf(robots, rules, len(rules)) + arc(one) + arc(two),
		"WARC, no trailer":          gz(page(three))[:100] + warcRobots + gz(page(one)) + gz(page(two)),
	} {
		t.Run(name, func(t *testing.T) {
			candidates, tally := extract(t, file)
			saw := map[string]bool{}
			for _, c := range candidates {
				saw[c.PageURL] = true
			}
			if !saw[one] || saw[two] || tally.Dropped["robots_disallowed"] != 1 {
				t.Errorf("read %v, %v; want %s and not %s", saw, tally.Dropped, one, two)
			}
		})
	}
}
