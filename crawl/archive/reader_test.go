package archive

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const (
	one   = "http://example.org/one"
	two   = "http://example.org/two"
	three = "http://example.org/three"
)

// at are records at their offsets.
func at(list ...any) (want []string) {
	for i := 0; i < len(list); i += 2 {
		want = append(want, fmt.Sprintf("%v@%d", list[i], list[i+1]))
	}
	return want
}

// TestReader: whatever a file is called and however it is stored, each record is
// found with the offset at which its member lies.
func TestReader(t *testing.T) {
	a, b, c := page(one), page(two), page(three)
	dict := dictionary(t)
	raw, packed := skippableFrame(0x184D2A5D, string(dict)), skippableFrame(0x184D2A5D, zst(t, string(dict), nil))
	za, zb := zst(t, a, dict), zst(t, b, dict)
	about := "1 0 InternetArchive\nURL IP-address Archive-date Content-type Archive-length\n"
	arc := fmt.Sprintf("filedesc://a.arc 0.0.0.0 20240506070809 text/plain %d\n%s\n", len(about), about)
	body := httpPage(one)
	arcRecord := fmt.Sprintf("%s 192.0.2.1 20240506070809 text/html %d\n%s\n", one, len(body), body)
	for _, test := range []struct {
		name, file string
		records    []string
	}{
		{"plain", a + b, at(one, 0, two, len(a))},
		{"plain, line ends missing and doubled", strings.TrimRight(a, "\r\n") + "\r\n" + b + "\r\n\r\n\r\n" + c, at(one, 0, two, len(strings.TrimRight(a, "\r\n"))+2, three, len(strings.TrimRight(a, "\r\n"))+2+len(b)+6)},
		{"gzip by member", gzAll(a, b), at(one, 0, two, len(gz(a)))},
		{"gzip of the whole file", gz(a + b), at(one, 0, two, 0)},
		{"gzip members that hold two records", gzAll(a+b, c), at(one, 0, two, 0, three, len(gz(a+b)))},
		{"gzip, padded with zeros", gz(a) + "\x00\x00\x00\x00" + gz(b), at(one, 0, two, len(gz(a))+4)},
		{"gzip behind plain records", a + gz(b), at(one, 0, two, len(a))},
		{"zstd by frame", zst(t, a, nil) + zst(t, b, nil), at(one, 0, two, len(zst(t, a, nil)))},
		{"zstd with a dictionary", raw + za + zb, at(one, len(raw), two, len(raw)+len(za))},
		{"zstd with a dictionary that is compressed", packed + za + zb, at(one, len(packed), two, len(packed)+len(za))},
		{"zstd with a frame to skip", zst(t, a, nil) + skippableFrame(0x184D2A51, "nothing") + zst(t, b, nil), at(one, 0, two, len(zst(t, a, nil))+15)},
		{"empty", "", nil},
		{"ARC", arc + arcRecord, at("filedesc://a.arc", 0, one, len(arc))},
		{"ARC, gzip", gzAll(arcRecord, arcRecord), at(one, 0, one, len(gz(arcRecord)))},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, broken := read(t, test.file)
			wantList(t, "records", records, test.records...)
			wantList(t, "broken", broken)
		})
	}
}

// dictionary is one as zstd's own tools train it.
func dictionary(t *testing.T) []byte {
	t.Helper()
	var contents [][]byte
	for i := range 50 {
		contents = append(contents, []byte(page(fmt.Sprintf("http://example.org/%d/%d", i*i*7919, i))))
	}
	dict, err := zstd.BuildDict(zstd.BuildDictOptions{ID: 7, Contents: contents, History: []byte(page(two)), Offsets: [3]int{1, 4, 8}})
	if err != nil {
		t.Fatal(err)
	}
	return dict
}

// TestBroken: a member or record that is broken costs itself alone, with a reason
// and its place.
func TestBroken(t *testing.T) {
	a, b, c := page(one), page(two), page(three)
	ga, gb, gc := gz(a), gz(b), gz(c)
	spoilt := func(s string, at int) string { return s[:at] + "\x00\xff\x00\xff" + s[at+4:] }
	for _, test := range []struct {
		name, file      string
		records, broken []string
	}{
		{"a member whose middle is spoilt", ga + spoilt(gb, len(gb)/2) + gc, at(one, 0, three, len(ga+gb)), at(BrokenMember, len(ga))},
		{"a member whose sum is wrong", ga + gb[:len(gb)-8] + "abcd" + gb[len(gb)-4:] + gc, at(one, 0, two, len(ga), three, len(ga+gb)), at(BrokenMember, len(ga))},
		{"a member cut short within the file", ga + gb[:len(gb)/2] + gc, at(one, 0, three, len(ga)+len(gb)/2), at(BrokenMember, len(ga))},
		{"a header cut to its magic number", ga + gb[:10] + gc, at(one, 0, three, len(ga)+10), at(BrokenMember, len(ga))},
		{"a file that breaks off", ga + gb[:len(gb)/2], at(one, 0), at(BrokenMember, len(ga))},
		{"a plain file that breaks off", a + b[:len(b)/2], at(one, 0), at(BrokenRecord, len(a))},
		{"stray bytes before a member", "what is this?" + ga, at(one, 13), at(StrayBytes, 0)},
		{"a page of HTML instead of an archive", "<html>404 Not Found</html>", nil, at(StrayBytes, 0)},
		{"a plain record with a length too great", warcOf("response", one, "application/http", httpPage(one), 100_000) + b + c, at(one, 0, two, len(warcOf("response", one, "application/http", httpPage(one), 100_000)), three, len(warcOf("response", one, "application/http", httpPage(one), 100_000)+b)), nil},
		{"a plain record with a length too small", warcOf("response", one, "application/http", httpPage(one), 100) + b, at(one, 0, two, len(warcOf("response", one, "application/http", httpPage(one), 100))), at(BrokenRecord, len(warcOf("response", one, "application/http", "", 100))-4+100)},
		{"a packed record with a length too great", gz(warcOf("response", one, "application/http", httpPage(one), 100_000)) + gb, at(one, 0, two, len(gz(warcOf("response", one, "application/http", httpPage(one), 100_000)))), nil},
		{"a record without a length", gz("WARC/1.0\r\nWARC-Type: response\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") + gb, at(two, len(gz("WARC/1.0\r\nWARC-Type: response\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))), at(BrokenRecord, 0)},
		{"a header without end", gz("WARC/1.0\r\n"+strings.Repeat("X-Pad: 0123456789\r\n", 10_000)) + gb, at(two, len(gz("WARC/1.0\r\n"+strings.Repeat("X-Pad: 0123456789\r\n", 10_000)))), at(BrokenMember, 0)},
		{"a plain header without end", "WARC/1.0\r\n" + strings.Repeat("X-Pad: 0123456789\r\n", 10_000) + b, at(two, 10+190_000), at(BrokenRecord, 0)},
		{"a zstd frame that is spoilt", zst(t, a, nil) + spoilt(zst(t, b, nil), 60) + zst(t, c, nil), at(one, 0, three, len(zst(t, a, nil)+zst(t, b, nil))), at(BrokenMember, len(zst(t, a, nil)))},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, broken := read(t, test.file)
			wantList(t, "records", records, test.records...)
			wantList(t, "broken", broken, test.broken...)
		})
	}
}

// TestLargeRecords: what a block claims or inflates to is not held beyond the cap.
func TestLargeRecords(t *testing.T) {
	huge := warc("resource", one, "text/plain", strings.Repeat("0", maxBlockBytes+1000))
	r := NewReader(strings.NewReader(gzAll(huge, page(two))), nil)
	defer r.Close()
	record, err := r.Next()
	if err != nil || !record.Cut || len(record.Block) != maxBlockBytes {
		t.Fatalf("got %d bytes, cut %v, %v; want %d that are cut", len(record.Block), record.Cut, err, maxBlockBytes)
	}
	if record, err = r.Next(); err != nil || record.URI != two {
		t.Fatalf("the next record: %v, %v", record, err)
	}
	records, _ := read(t, gz(warcOf("response", one, "application/http", "HTTP/1.1 200 OK\r\n\r\n", 1<<40))+gz(page(two)))
	if len(records) != 2 {
		t.Errorf("a block that claims 1 TiB: got %q", records)
	}
}

// TestReaderAnyDamage: bytes that are changed or cut out anywhere cost the members
// they lie in and no other, and nothing is read for what it is not.
func TestReaderAnyDamage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var members []string
	for i := range 20 {
		members = append(members, gz(page(fmt.Sprintf("http://example.org/%d-%d", i, random.Uint64()))))
	}
	for round := range 300 {
		hit := random.IntN(len(members))
		m := members[hit]
		from := random.IntN(len(m))
		to := min(len(m), from+1+random.IntN(20))
		hurt := m[:from] + m[to:]
		if round%2 == 0 {
			change := []byte(m)
			for i := from; i < to; i++ {
				change[i] ^= byte(1 + random.IntN(255))
			}
			hurt = string(change)
		}
		file := strings.Join(members[:hit], "") + hurt + strings.Join(members[hit+1:], "")
		records, broken := read(t, file)
		if len(records) < len(members)-1 || len(records) > len(members) {
			t.Fatalf("round %d: %d of %d records of a file in which one member is hurt; broken %q", round, len(records), len(members), broken)
		}
		if len(records) < len(members) && len(broken) == 0 {
			t.Fatalf("round %d: a record is gone and nothing was told", round)
		}
	}
}
