package alttext

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// FuzzExtract checks what holds for any bytes.
func FuzzExtract(f *testing.F) {
	f.Add([]byte(`<img src=a alt=b srcset="c 2x"><a href=?q>t<b>u</b></a><base href=//h/>`), "text/html")
	f.Add([]byte("\xff\xfe<\x00i\x00m\x00g"), "text/html; charset=utf-16")
	f.Add([]byte(`<script type=application/ld+json>[{"@type":"ImageObject","url":"a","name":["b"]}]</script>`), "")
	f.Add([]byte(`<figure lang=de><picture><source srcset="a 9w"><img src=b><figcaption>c<svg><title><p>d</figure><template><img src=e alt=f>`), "")
	f.Add([]byte("<meta charset=windows-1251><img data-x-src=a.jpg src='?\xeb' alt='\xeb&#38;'>"), "")
	var used Extractor
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		if len(body) > 1<<14 {
			return
		}
		checkPage(t, &used, body, contentType)
	})
}

// FuzzJSONLD puts what it is given into a script.
func FuzzJSONLD(f *testing.F) {
	f.Add(`{"@graph":[{"@type":["Thing","ImageObject"],"contentUrl":"/a.png","caption":"x","license":{"@id":"l"}}]}`)
	f.Add(`[[{"@type":"http://schema.org/ImageObject","url":[{"url":"a"}],"name":{"@value":"b"},"inLanguage":"DE"}]]`)
	var used Extractor
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 1<<12 {
			return
		}
		checkPage(t, &used, []byte(`<script type="application/ld+json">`+script+`</script><img src=a.png alt=x>`), "text/html; charset=utf-8")
	})
}

// checkPage holds a page to what candidates and links must be, and an extractor
// that has read other pages to the same result as a new one.
func checkPage(t *testing.T, used *Extractor, body []byte, contentType string) {
	base := address(t, "http://x.org/d/p.html")
	p, err := Extract(body, contentType, base)
	if err != nil {
		t.Fatal(err) // any bytes give some page
	}
	for _, c := range p.Candidates {
		checkText(t, c.Text)
		checkAddress(t, base, c.ImageURL)
		if c.License != "" {
			checkAddress(t, base, c.License)
		}
		if c.Text == "" || c.PageURL != base.String() || c.Language != languageTag(c.Language) {
			t.Errorf("candidate %+v", c)
		}
	}
	for _, l := range p.Links {
		checkText(t, l.Text)
		checkAddress(t, base, l.URL)
		if len(l.Text) > maxLinkText {
			t.Errorf("link text %q is %d bytes long", l.Text, len(l.Text))
		}
	}
	for _, feed := range p.Feeds {
		checkAddress(t, base, feed)
	}
	again, err := used.Extract(body, contentType, base)
	if err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", p) {
		t.Errorf("read again (%v):\n%+v\nat first:\n%+v", err, again, p)
	}
}

func checkText(t *testing.T, s string) {
	t.Helper()
	if s != strings.Join(strings.Fields(s), " ") || !norm.NFC.IsNormalString(s) || !utf8.ValidString(s) {
		t.Errorf("text %q is not clean", s)
	}
}

func checkAddress(t *testing.T, base *url.URL, s string) {
	t.Helper()
	again, ok := Resolve(base, s)
	if !ok || again != s {
		t.Errorf("address %q resolves to %q (%v)", s, again, ok)
	}
	if strings.ContainsAny(s, "# \r\n\x00") {
		t.Errorf("address %q cannot stand in a request line", s)
	}
}

// FuzzSrcset compares with the state machine of the standard, written as it
// stands there.
func FuzzSrcset(f *testing.F) {
	f.Add("/w_1,h_2/a.png 100w, b 2x,c (x, y) ,, d 1.5x,e")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 1<<10 {
			return
		}
		var got, want strings.Builder
		for rest := []byte(in); ; {
			c, after, ok := nextSource(rest)
			if !ok {
				break
			}
			rest = after
			fmt.Fprintf(&got, "%q %g %g\n", c.url, c.width, c.density)
		}
		for _, c := range standardSrcset(in) {
			fmt.Fprintf(&want, "%q %g %g\n", c.url, c.width, c.density)
		}
		if got.String() != want.String() {
			t.Errorf("%q: got\n%swant\n%s", in, got.String(), want.String())
		}
	})
}

// standardSrcset is HTML 4.8.4.2.10, step by step.
func standardSrcset(in string) (list []source) {
	i := 0
	collect := func(in string, take func(c byte) bool) string {
		start := i
		for i < len(in) && take(in[i]) {
			i++
		}
		return in[start:i]
	}
	for {
		collect(in, func(c byte) bool { return isSpace(c) || c == ',' })
		if i >= len(in) {
			return list
		}
		address := collect(in, func(c byte) bool { return !isSpace(c) })
		var descriptors []string
		if trimmed := strings.TrimRight(address, ","); trimmed != address {
			address = trimmed
		} else {
			collect(in, isSpace)
			current, state := "", "in descriptor"
			push := func() {
				if current != "" {
					descriptors = append(descriptors, current)
				}
				current = ""
			}
			for done := false; !done; i++ {
				atEnd := i >= len(in)
				switch {
				case atEnd:
					push()
					done = true
				case state == "in parens":
					current += in[i : i+1]
					if in[i] == ')' {
						state = "in descriptor"
					}
				case in[i] == ',' && state == "in descriptor", in[i] == ',' && state == "after descriptor":
					push()
					done = true
				case isSpace(in[i]):
					push()
				default:
					current += in[i : i+1]
					if in[i] == '(' {
						state = "in parens"
					}
				}
			}
			i = min(i, len(in))
		}
		if c := (source{url: []byte(address), density: 1}); describe(&c, descriptors) {
			list = append(list, c)
		}
	}
}

func describe(c *source, descriptors []string) bool {
	var width, density, height bool
	for _, d := range descriptors {
		number := d[:len(d)-1]
		switch d[len(d)-1] {
		case 'w':
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil || n == 0 || width || density {
				return false
			}
			width, c.width = true, float64(n)
		case 'h':
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil || n == 0 || height || density {
				return false
			}
			height = true
		case 'x':
			x, err := strconv.ParseFloat(number, 64)
			if err != nil || x < 0 || math.IsInf(x, 0) || math.IsNaN(x) || width || density || height {
				return false
			}
			density, c.density = true, x
		default:
			return false
		}
	}
	return !height || width
}
