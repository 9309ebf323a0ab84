package refusal

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// plain takes addresses as they are; the road's own spelling is pipeline's to give.
var plain = Parser{}

func read(t testing.TB, text string) *List {
	t.Helper()
	l, err := plain.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRefuses(t *testing.T) {
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	for _, tt := range []struct {
		name, list string
		facts      Facts
		want       string // the entry; "" where it is not refused
	}{
		{"an address of a picture", "url https://example.org/a.jpg", Facts{ImageURL: "https://example.org/a.jpg"}, "url https://example.org/a.jpg"},
		{"of a page", "url https://example.org/p", Facts{PageURL: "https://example.org/p", ImageURL: "https://cdn.example/x"}, "url https://example.org/p"},
		{"http and https are one", "url https://example.org/a.jpg", Facts{ImageURL: "http://example.org/a.jpg"}, "url https://example.org/a.jpg"},
		{"so are names with a last dot", "url https://example.org./a.jpg", Facts{ImageURL: "https://example.org/a.jpg"}, "url https://example.org/a.jpg"},
		{"in the dataset too", "url https://example.org/a.jpg", Facts{ImageURL: "https://example.org./a.jpg"}, "url https://example.org/a.jpg"},
		{"a user is no part of an address", "url https://example.org/a.jpg", Facts{ImageURL: "https://me:pw@example.org/a.jpg"}, "url https://example.org/a.jpg"},
		{"nor is a fragment", "url https://example.org/a.jpg#x", Facts{ImageURL: "https://example.org/a.jpg"}, "url https://example.org/a.jpg"},
		{"a query is", "url https://example.org/a.jpg?w=1", Facts{ImageURL: "https://example.org/a.jpg"}, ""},
		{"a port is", "url http://example.org:8080/a.jpg", Facts{ImageURL: "http://example.org/a.jpg"}, ""},
		{"an address is no beginning", "url https://example.org/a", Facts{ImageURL: "https://example.org/a.jpg"}, ""},
		{"the picture of a list", "url list:cats/a.jpg", Facts{ImageURL: "list:cats/a.jpg"}, "url list:cats/a.jpg"},
		{"a host", "host example.org", Facts{PageURL: "https://example.org/p"}, "host example.org"},
		{"its subdomains", "host example.org", Facts{ImageURL: "https://img.cdn.example.org/a"}, "host example.org"},
		{"all its ports", "host example.org", Facts{ImageURL: "https://example.org:8443/a"}, "host example.org"},
		{"a port of it", "host example.org:8443", Facts{ImageURL: "https://a.example.org:8443/a"}, "host example.org:8443"},
		{"no other port", "host example.org:8443", Facts{ImageURL: "https://example.org/a"}, ""},
		{"the scheme's own port", "host example.org:443", Facts{ImageURL: "https://example.org/a"}, "host example.org:443"},
		{"no other name that ends so", "host example.org", Facts{ImageURL: "https://badexample.org/a"}, ""},
		{"not the domain above", "host a.example.org", Facts{ImageURL: "https://example.org/a"}, ""},
		{"a host with a last dot", "host example.org", Facts{ImageURL: "https://www.example.org./a"}, "host example.org"},
		{"as people write it", "host *.Example.ORG.", Facts{ImageURL: "https://www.example.org/a"}, "host example.org"},
		{"another script", "host bücher.example", Facts{ImageURL: "https://xn--bcher-kva.example/a"}, "host xn--bcher-kva.example"},
		{"an address of version 6", "host [2001:DB8::1]:8080", Facts{ImageURL: "http://[2001:db8::1]:8080/a"}, "host [2001:db8::1]:8080"},
		{"an address of version 4", "host 192.0.2.7", Facts{ImageURL: "http://192.0.2.7:81/a"}, "host 192.0.2.7"},
		{"a host by its first page", "host https://example.org/", Facts{ImageURL: "http://example.org/a"}, "host example.org"},
		{"a pair", "pair 00000000000000ff", Facts{PairID: 255}, "pair 00000000000000ff"},
		{"a pair is no picture", "pair 00000000000000ff", Facts{PictureHash: 255}, ""},
		{"a picture", "picture 00000000000000FF", Facts{PictureHash: 255}, "picture 00000000000000ff"},
		{"a picture is no pair", "picture 00000000000000ff", Facts{PairID: 255}, ""},
		{"either", "hash 00000000000000ff", Facts{PairID: 255}, "hash 00000000000000ff"},
		{"or", "hash 00000000000000ff", Facts{PictureHash: 255}, "hash 00000000000000ff"},
		{"a SHA-256", "sha256 " + strings.ToUpper(sum), Facts{SHA256: sum}, "sha256 " + sum},
		{"a likeness", "similar ff00ff00ff00ff00 4", Facts{PHash: 0xff00ff00ff00ff0f}, "similar ff00ff00ff00ff00 4"},
		{"too far", "similar ff00ff00ff00ff00 3", Facts{PHash: 0xff00ff00ff00ff0f}, ""},
		{"of one colour, which is like nothing", "similar 0000000000000003 16", Facts{PHash: 0}, ""},
		{"behind a comment", "# a takedown of May\n\n\thost example.org  # by letter\r\n", Facts{PageURL: "http://example.org/"}, "host example.org"},
		{"behind a mark", "\uFEFFhost example.org", Facts{PageURL: "http://example.org/"}, "host example.org"},
		{"nothing known", "host example.org\npair 00000000000000ff", Facts{}, ""},
		{"nothing refused", "# none\n", Facts{PageURL: "http://example.org/"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := read(t, tt.list)
			if len(l.Faults) > 0 {
				t.Fatalf("the list has faults: %v", l.Faults)
			}
			got := ""
			if e, refused := l.Refuses(&tt.facts); refused {
				got = e.String()
			}
			if got != tt.want {
				t.Errorf("refused by %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusesHost(t *testing.T) {
	l := read(t, "host example.org\nhost example.net:8080\n")
	for host, want := range map[string]bool{"example.org": true, "www.example.org.": true, "example.net": false, "badexample.org": false, "": false} {
		if _, got := l.RefusesHost(host); got != want {
			t.Errorf("%q is refused: %v, want %v", host, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"no kind", "https://example.org/", `"https://example.org/" is no kind of entry; use url, host, pair, picture, hash, sha256, similar`},
		{"no value", "url", "url lacks its value"},
		{"two values", "url https://example.org/a b", "url is followed by 2 words, and takes 1; write a space in an address as %20"},
		{"another scheme", "url ftp://example.org/", `"ftp://example.org/" is no absolute http or https address`},
		{"no host", "host a b", "host is followed by 2 words, and takes 1; write a space in an address as %20"},
		{"an address", "host https://example.org/p", `"https://example.org/p" is an address, not a host; name it as url`},
		{"a public suffix", "host co.uk", `"co.uk" is a public suffix, under which anybody may have a name; name the hosts`},
		{"a top level", "host com.", `"com." is a public suffix, under which anybody may have a name; name the hosts`},
		{"a number", "host 12345", `"12345" is no host name or address`},
		{"a port of none", "host example.org:0", `"example.org:0" has no port of 1 to 65535`},
		{"a short hash", "picture ff", `"ff" is no hash of 16 hexadecimal digits`},
		{"a sign", "pair +0000000000000ff", `"+0000000000000ff" is no hash of 16 hexadecimal digits`},
		{"a short sum", "sha256 ff", `"ff" is no SHA-256 of 64 hexadecimal digits`},
		{"no distance", "similar 00000000000000ff", "similar lacks its value"},
		{"a large distance", "similar 00000000000000ff 17", `"17" is no distance of 0 to 16 bits`},
		{"a likeness of one colour", "similar 8000000000000000 4", "that is the perceptual hash of all pictures of one flat colour"},
		{"a control character", "host exam\x00ple.org", "it has a control character at byte 9"},
		{"another encoding", "host ex\xffample.org", "it is not UTF-8"},
		{"a long line", "url https://example.org/" + strings.Repeat("a", MaxLine), "it has more than 8192 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := read(t, "host first.example\n"+tt.line+"\nhost last.example\n")
			if want := []Fault{{2, tt.want}}; !slices.Equal(l.Faults, want) {
				t.Errorf("faults are %v, want %v", l.Faults, want)
			}
			if l.Len() != 2 {
				t.Errorf("%d entries, want the 2 around it", l.Len())
			}
		})
	}
}

// TestKindsInCapitals: how a line's first word is written makes no difference.
func TestKindsInCapitals(t *testing.T) {
	l := read(t, "URL http://example.org/a\nHost example.net\nPicture 00000000000000ff\nSHA256 "+strings.Repeat("0F", 32)+"\n")
	if l.Len() != 4 || len(l.Faults) != 0 {
		t.Errorf("%d entries, faults %v", l.Len(), l.Faults)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	l := read(t, strings.Repeat("nonsense\n", 1000)+"host example.org\n")
	if len(l.Faults) != mostFaults+1 || l.Faults[mostFaults].What != "and 900 lines more are no entries" || l.Len() != 1 {
		t.Errorf("%d faults, the last %v, %d entries", len(l.Faults), l.Faults[len(l.Faults)-1], l.Len())
	}
}

func TestBare(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		among      []Kind
		want       string
	}{
		{"an address", "https://example.org/a", []Kind{Address}, "url https://example.org/a"},
		{"a host", "Example.org", []Kind{Host}, "host example.org"},
		{"a host's page", "https://example.org/", []Kind{Host}, "host example.org"},
		{"a hash", "00000000000000ff", []Kind{Pair, Picture, Hash, SHA256}, "hash 00000000000000ff"},
		{"a SHA-256", strings.Repeat("0f", 32), []Kind{Hash, SHA256}, "sha256 " + strings.Repeat("0f", 32)},
		{"a word and a hash", "pair 00000000000000ff", []Kind{Pair, Picture}, "pair 00000000000000ff"},
		{"any: an address", "http://example.org/", []Kind{Address, Host, Hash}, "url http://example.org/"},
		{"any: a host", "example.org", []Kind{Address, Host, Hash}, "host example.org"},
		{"no host among addresses", "example.org", []Kind{Address}, `"example.org" is no absolute http or https address`},
		{"no word of another kind", "host example.org", []Kind{Address}, "an entry host is not asked for here"},
		{"no host among hashes", "example.org", []Kind{Hash}, `"example.org" is no hash of 16 or 64 hexadecimal digits`},
		{"two words", "https://example.org/a b.jpg", []Kind{Address}, `"https://example.org/a b.jpg" has 2 words, and a line names one address, host or hash; write a space in an address as %20`},
		{"a word in capitals", "PICTURE 00000000000000FF", []Kind{Pair, Picture}, "picture 00000000000000ff"},
		{"a word alone is no host", "url", []Kind{Address, Host, Hash}, "url lacks its value"},
		{"nor is another", "Similar", []Kind{Host}, "an entry similar is not asked for here"},
		{"a comment", "# none", []Kind{Address}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, ok, err := plain.Bare(tt.line, tt.among...)
			got := ""
			if err != nil {
				got = err.Error()
			} else if ok {
				got = e.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSum holds that fingerprints say what is refused, and not how it is written.
func TestSum(t *testing.T) {
	list := read(t, "host a.example\nurl http://b.example/\npicture 00000000000000ff\n")
	for _, tt := range []struct {
		name, text string
		same       bool
	}{
		{"another order, a comment, a repeat", "picture 00000000000000FF # x\nurl http://b.example/\nhost a.example\nhost A.example\n", true},
		{"an entry less", "host a.example\npicture 00000000000000ff\n", false},
		{"an entry more", "host a.example\nurl http://b.example/\npicture 00000000000000ff\npicture 00000000000000fe\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if same := read(t, tt.text).Sum(Address, Host, Picture) == list.Sum(Address, Host, Picture); same != tt.same {
				t.Errorf("same is %v, want %v", same, tt.same)
			}
		})
	}
	if got := list.Sum(Pair, Similar); got != "" {
		t.Errorf("the sum of no entry is %q", got)
	}
	if list.Sum(Host) != read(t, "host a.example").Sum(Host) {
		t.Error("entries of other kinds are in the sum")
	}
}

// TestSimilarIsComplete holds the index against the comparison with all entries.
func TestSimilarIsComplete(t *testing.T) {
	random := func(i int) uint64 { return xxhash.Sum64String(fmt.Sprint(i)) }
	var entries []Entry
	for i := range 3000 {
		entries = append(entries, Entry{Kind: Similar, Number: random(i), Distance: uint8(i % (MostDistance + 1))})
	}
	l := New(entries)
	found := 0
	for i := range 2000 {
		hash := random(i)
		for k := range i % 24 { // flips some bits, now and then one twice
			hash ^= 1 << (random(i*100+k) % 64)
		}
		want := slices.ContainsFunc(entries, func(e Entry) bool { return bits.OnesCount64(e.Number^hash) <= int(e.Distance) })
		e, got := l.Refuses(&Facts{PHash: hash})
		if got != want || got && bits.OnesCount64(e.Number^hash) > int(e.Distance) {
			t.Fatalf("hash %016x: refused is %v by %v, want %v", hash, got, e, want)
		}
		if got {
			found++
		}
	}
	if found < 500 || found > 1900 {
		t.Errorf("%d of 2000 are near: the test says little", found)
	}
}

func TestRefusesAllocatesNothing(t *testing.T) {
	l := New(many(10_000))
	f := Facts{PageURL: "https://www.some.example.net/a/page", ImageURL: "https://cdn.some.example.net:8443/a.jpg", PairID: 5, PictureHash: 6, PHash: 0x0123456789abcdef, SHA256: strings.Repeat("0", 64)}
	if n := testing.AllocsPerRun(100, func() { l.Refuses(&f) }); n != 0 {
		t.Errorf("Refuses allocates %v times", n)
	}
}

func many(n int) (entries []Entry) {
	for i := range n {
		h := xxhash.Sum64String(fmt.Sprint(i))
		switch i % 6 {
		case 0:
			entries = append(entries, Entry{Kind: Address, Text: fmt.Sprintf("https://host%d.example/pictures/%016x.jpg", i%1000, h)})
		case 1:
			entries = append(entries, Entry{Kind: Host, Text: fmt.Sprintf("host%d.example", i)})
		case 2:
			entries = append(entries, Entry{Kind: Pair, Number: h})
		case 3:
			entries = append(entries, Entry{Kind: Picture, Number: h})
		case 4:
			entries = append(entries, Entry{Kind: SHA256, Text: fmt.Sprintf("%016x%016x%016x%016x", h, h, h, h)})
		default:
			entries = append(entries, Entry{Kind: Similar, Number: h, Distance: 4})
		}
	}
	return entries
}

// go test -run '^$' -bench Refuses ./internal/refusal
func BenchmarkRefuses(b *testing.B) {
	for _, n := range []int{100, 1_000_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			l := New(many(n))
			facts := make([]Facts, 4096)
			for i := range facts {
				h := xxhash.Sum64String(fmt.Sprint("fact", i))
				facts[i] = Facts{PageURL: fmt.Sprintf("https://www.site%d.example.net/a/page%d", i, i), ImageURL: fmt.Sprintf("https://cdn.site%d.example.net/%x.jpg", i, h), PairID: h, PictureHash: h + 1, PHash: h + 2}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l.Refuses(&facts[i%len(facts)])
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "facts/s")
		})
	}
}

// FuzzLine holds that what is read as an entry is written as a line that is read as the
// same, that an entry refuses what it names, and that no line stops a list.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		"url https://example.org/a.jpg", "url http://u:p@EXAMPLE.org.:80", "url list:x/y", "host *.Example.org:8080", "host [::1]:80", "host bücher.example",
		"picture 0123456789abcdef", "hash FFFFFFFFFFFFFFFF", "similar 0123456789abcdef 16", "sha256 " + strings.Repeat("Ab", 32), "# x", "url", "host com",
		"url https://[::1]:8/?#", "host a_b.example", "url http://a/b c # d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		list, err := plain.Read(strings.NewReader(line + "\nhost last.example"))
		if err != nil {
			t.Fatal(err)
		}
		if _, refused := list.RefusesAddress("http://last.example/"); !refused {
			t.Fatal("the line behind it is not obeyed")
		}
		e, ok, err := plain.Line(line)
		if err != nil || !ok {
			return
		}
		again, ok, err := plain.Line(e.String())
		if err != nil || !ok || again != e {
			t.Fatalf("%q is read as %q, and that as %q (%v, %v)", line, e, again, ok, err)
		}
		if e.Kind == Address {
			if _, refused := New([]Entry{e}).Refuses(&Facts{ImageURL: e.Text}); !refused {
				t.Fatalf("%q does not refuse its own address", e)
			}
		}
	})
}
