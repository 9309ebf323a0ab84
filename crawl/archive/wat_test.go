package archive

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pairloom/pairloom/crawl/alttext"
)

// watTruth is what encoding/json finds in a record: its type, address, state and
// headers, and the pictures of its page as the scanner writes them; metas are all meta
// elements.
func watTruth(t testing.TB, text string) (truth, metas string, isJSON bool) {
	t.Helper()
	var all any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return "", "", false
	}
	at := func(v any, keys ...string) any {
		for _, key := range keys {
			o, _ := v.(map[string]any)
			v = o[key]
		}
		return v
	}
	payload, _ := at(all, "Envelope", "Payload-Metadata").(map[string]any)
	response, found := payload["HTTP-Response-Metadata"]
	r, _ := response.(map[string]any)
	page, html := r["HTML-Metadata"]
	var b strings.Builder
	fmt.Fprintln(&b, found, html)
	for _, key := range []string{"WARC-Type", "WARC-Target-URI", "WARC-Date"} {
		if s, ok := at(all, "Envelope", "WARC-Header-Metadata", key).(string); ok {
			fmt.Fprintf(&b, "%s %q\n", key, s)
		}
	}
	attribute := func(name string, value string) string {
		return name + `="` + strings.ReplaceAll(value, `"`, "&quot;") + `"`
	}
	if s, ok := at(page, "Head", "Base").(string); ok {
		fmt.Fprintf(&b, "<base %s>\n", attribute("href", s))
	}
	list, _ := at(page, "Head", "Metas").([]any)
	for _, m := range list {
		name, ok := at(m, "name").(string)
		content, has := at(m, "content").(string)
		if ok && has {
			metas += fmt.Sprintf("<meta %s %s>", attribute("name", name), attribute("content", content))
		}
	}
	links, _ := at(page, "Links").([]any)
	for _, l := range links {
		url, has := at(l, "url").(string)
		alt, hasAlt := at(l, "alt").(string)
		title, hasTitle := at(l, "title").(string)
		if at(l, "path") != "IMG@/src" || !has || !hasAlt && !hasTitle {
			continue
		}
		b.WriteString("<img " + attribute("src", url))
		if hasAlt {
			b.WriteString(" " + attribute("alt", alt))
		}
		if hasTitle {
			b.WriteString(" " + attribute("title", title))
		}
		b.WriteString(">")
	}
	return b.String(), metas, true
}

// watFound is the same by the scanner.
func watFound(s *watScanner, text string) (found string, isJSON bool) {
	if !s.scan([]byte(text)) {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintln(&b, s.record.found, s.record.html)
	for _, f := range []struct {
		key   string
		value []byte
	}{{"WARC-Type", s.record.kind}, {"WARC-Target-URI", s.record.uri}, {"WARC-Date", s.record.date}} {
		if f.value != nil {
			fmt.Fprintf(&b, "%s %q\n", f.key, appendUnescaped(nil, f.value))
		}
	}
	if len(s.base) > 0 {
		fmt.Fprintf(&b, "%s\n", s.base)
	}
	b.Write(s.links.images)
	return b.String(), true
}

// checkWAT holds that a text says to the scanner what it says to encoding/json.
// Text that is no JSON may say anything, and so may bytes that are no UTF-8, which no
// JSON has (RFC 8259, 8.1).
func checkWAT(t testing.TB, s *watScanner, text string) {
	t.Helper()
	found, ok := watFound(s, text)
	want, metas, isJSON := watTruth(t, text)
	// A record's text begins with a brace, or is not shown to the scanner.
	if !isJSON || !utf8.ValidString(text) || !strings.HasPrefix(text, "{") {
		return
	}
	if !ok || found != want {
		t.Fatalf("%q\ngot  %q, %v\nwant %q", text, found, ok, want)
	}
	read := func(metas string) alttext.Page {
		p, err := alttext.Extract([]byte(metas+string(s.links.images)), "text/html; charset=utf-8", &url.URL{Scheme: "http", Host: "example.org", Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if got, want := read(string(s.metas)), read(metas); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q\nby its meta elements as the scanner has them %+v\nby all %+v", text, got, want)
	}
	if strings.HasPrefix(want, "true") && !mayBeResponse([]byte(text)) {
		t.Fatalf("%q is passed over, and is of a response", text)
	}
}

// linkTexts are strings of JSON that try what the scanner takes for the ends of
// strings and entries, and the ways to write the path of a picture.
var linkTexts = []string{
	`IMG@/src`, `IMG@\/src`, `\u0049MG@/src`, `IMG@\u002fsrc`, `IMG@/srcset`, `A@/href`, ``, `}`, `{`, `[`, `]`, `\"`, `\"}`, `"}`[1:], `:`, `,`, ` `,
	`\\`, `\\\"`, `},{`, `},{\"path\":\"IMG@/src\"}`, `x`, `\u00e9`, `é`, `\ud83e\udd8a`, `\ud83e`, `\/`, `\n`, `]}`, `},`, `:\"}`, `path`, `\\u0049`,
}

// randomLink is an element of Links, of any form that is JSON.
func randomLink(r *rand.Rand, depth int) string {
	text := func() string {
		var b strings.Builder
		for range r.IntN(3) {
			b.WriteString(linkTexts[r.IntN(len(linkTexts))])
		}
		return `"` + b.String() + `"`
	}
	value := func() string {
		switch n := r.IntN(20); {
		case n == 0:
			return []string{"null", "true", "-1.5e3", "{}", "[]"}[r.IntN(5)]
		case n == 1 && depth < 2:
			return randomLink(r, depth+1)
		case n == 2 && depth < 2:
			return "[" + randomLink(r, depth+1) + "," + randomLink(r, depth+1) + "]"
		}
		return text()
	}
	if r.IntN(20) == 0 {
		return value()
	}
	space := func() string { return []string{"", "", "", "", "", " ", "\n\t"}[r.IntN(7)] }
	var b strings.Builder
	b.WriteString("{" + space())
	for i := range r.IntN(8) {
		if i > 0 {
			b.WriteString("," + space())
		}
		key := []string{`"path"`, `"url"`, `"alt"`, `"title"`, `"text"`, `"p\u0061th"`, text()}[r.IntN(7)]
		b.WriteString(key + space() + ":" + space())
		if key == `"path"` && r.IntN(2) == 0 {
			b.WriteString(`"` + linkTexts[r.IntN(5)] + `"`)
		} else {
			b.WriteString(value())
		}
		b.WriteString(space())
	}
	return b.String() + "}" + space()
}

// TestWATAgainstJSON: whatever stands in Links, the pictures are those that
// encoding/json finds.
func TestWATAgainstJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	s := watScanner{token: "pairloom"}
	pictures := 0
	for range 20_000 {
		var links []string
		for range r.IntN(8) {
			links = append(links, randomLink(r, 0))
		}
		text := `{"Envelope":{"Payload-Metadata":{"HTTP-Response-Metadata":{"HTML-Metadata":{"Links":[` + strings.Join(links, ",") + `],"x":[{"path":"IMG@/src","url":"no","alt":"no"}]}}}}}`
		if !json.Valid([]byte(text)) {
			t.Fatalf("not JSON: %s", text)
		}
		checkWAT(t, &s, text)
		pictures += strings.Count(string(s.links.images), "<img ")
	}
	if pictures < 1000 {
		t.Errorf("%d pictures are too few to have tried anything", pictures)
	}
}

// TestWATRepeats: of a key that stands twice the last counts, for us as for encoding/json.
func TestWATRepeats(t *testing.T) {
	const links = `"Links":[{"path":"IMG@/src","url":"a","alt":"x"}]`
	page := func(in string) string { return `"HTML-Metadata":{` + in + `}` }
	response := func(in string) string { return `"HTTP-Response-Metadata":{` + in + `}` }
	payload := func(in string) string { return `"Payload-Metadata":{` + in + `}` }
	s := watScanner{token: "pairloom"}
	for _, text := range []string{
		payload(response(page(links + `,` + links))),
		payload(response(page(links + `,"Links":5`))),
		payload(response(page(`"Links":null,` + links))),
		payload(response(page(links)+`,`+page(`"Head":{}`)) + `,"x":1`),
		payload(response(page(links)) + `,"HTTP-Response-Metadata":{}`),
		payload(response(page(links))) + `,"Payload-Metadata":{}`,
		payload(response(page(links))) + `},"Envelope":{"WARC-Header-Metadata":{"WARC-Type":"request"}`,
		payload(response(page(`"Head":{"Base":"b","Base":5,"Metas":[{"name":"a","content":"b"}],"Metas":[{"name":"c","content":"d"}]}`))),
		payload(response(page(`"Head":{"Base":"b","Metas":[{"name":"a","content":"\"b\""}]},"Head":null`))),
		payload(response(page(`"\u004cinks":[{"path":"IMG@/src","url":"a","title":"x"}]`))),
		`"Payload\u002dMetadata":{"HTTP\u002dResponse-Metadata":{}}`,
		`"WARC-Header-Metadata":{"WARC-Type":"response","WARC-Type":7},"WARC-Header-Metadata":{"WARC-Date":"x"}`,
	} {
		checkWAT(t, &s, `{"Envelope":{`+text+`}}`)
	}
}

// TestWATMetas: meta elements that say nothing are left out, and no others.
func TestWATMetas(t *testing.T) {
	s := watScanner{token: "pairloom"}
	for name, wants := range map[string]bool{
		`robots`: true, ` RoBots `: true, `pairloom`: true, `tdm-reservation`: true, `og:image`: true, `OG:image:alt`: true, `&#114;obots`: true, `r\u006fbots`: true,
		`viewport`: false, `generator`: false, `otherbot`: false, `og`: false, ``: false,
	} {
		for _, content := range []string{`noai`, `1`, `http://x.org/a.png`, `index`, ``, `no\u0061i`, `&#49;`} {
			text := fmt.Sprintf(`{"Envelope":{"Payload-Metadata":{"HTTP-Response-Metadata":{"HTML-Metadata":{"Head":{"Metas":[{"name":"%s","content":"%s"},{"name":"og:image:alt","content":"fox"}]},"Links":[]}}}}}`, name, content)
			checkWAT(t, &s, text)
			if plain := !strings.ContainsAny(content, `\&`); plain && !wants && strings.Count(string(s.metas), "<meta ") != 1 {
				t.Errorf("%q, %q: got %q", name, content, s.metas)
			}
		}
	}
}

// TestCommonCrawl reads records as Common Crawl published them: see testdata/README.md.
func TestCommonCrawl(t *testing.T) {
	file, err := os.ReadFile("testdata/commoncrawl-2014.wat")
	if err != nil {
		t.Fatal(err)
	}
	s := watScanner{token: "pairloom"}
	responses, images := 0, 0
	r := NewReader(strings.NewReader(string(file)), func(reason string, at int64) { t.Errorf("%s at %d", reason, at) })
	defer r.Close()
	for {
		record, err := r.Next()
		if err != nil {
			break
		}
		if record.Type != "metadata" {
			continue
		}
		checkWAT(t, &s, string(record.Block))
		if s.record.found {
			responses++
		}
		images += strings.Count(string(s.links.images), "<img ")
	}
	if responses != 1 || images != 4 {
		t.Errorf("%d responses with %d pictures, want 1 with 4", responses, images)
	}
	candidates, tally := extract(t, string(file))
	var got []string
	for _, c := range candidates {
		if c.PageURL != "http://0pointer.de/photos/?gallery=Australia&photo=496" || c.CrawlTime != 1408600378 {
			t.Errorf("got %+v", c)
		}
		got = append(got, c.TextSource+" "+c.Text+" "+c.ImageURL)
	}
	const folder = " http://0pointer.de/photos/galleries/Australia/"
	wantList(t, "candidates", got, "alt 496"+folder+"lq/img-496.jpg", "alt Previous"+folder+"thumbs/img-495.jpg", "alt Next"+folder+"thumbs/img-497.jpg",
		"alt Creative Commons License http://creativecommons.org/images/public/somerights20.png")
	if tally.Kept != 1 || tally.Dropped[NotResponse] != 3 || tally.Dropped["warcinfo"] != 1 {
		t.Errorf("got %v", tally)
	}
}

// FuzzWAT: of JSON the scanner finds what encoding/json finds; of anything else it
// gives some answer.
func FuzzWAT(f *testing.F) {
	f.Add(watJSON([]map[string]string{{"path": "IMG@/src", "url": "a\"b", "alt": "c\\", "title": "<"}}, map[string]any{"Base": "b", "Metas": []map[string]string{{"name": "a", "content": "b"}}}, nil, "200"))
	f.Add(`{"Envelope":{"Payload-Metadata":{"HTTP-Response-Metadata":{"HTML-Metadata":{"Links":[{"path":"IMG@/src","url":"\ud83e\u00e9","alt":"\/\b"}]}}}}}`)
	f.Add(`{"Envelope":{"Payload-Metadata":{"HTTP-Response-Metadata":{"HTML-Metadata":{"Links":[{"path":"A@/href","text":"x"},{"path":"IMG@\/src","url":"u","alt":"}"},{"text":":"}]}}}}}`)
	s := watScanner{token: "pairloom"}
	f.Fuzz(func(t *testing.T, text string) {
		NewExtractor(testOptions(), nil).Record(&Record{Type: "metadata", URI: one, Block: []byte(text)}, "a")
		checkWAT(t, &s, text)
	})
}
