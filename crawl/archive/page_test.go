package archive

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// response is a record of an HTTP response.
func httpRecord(uri, http string) string {
	return warc("response", uri, "application/http; msgtype=response", http)
}

// TestPages: what a record's response holds, and why one gives nothing.
func TestPages(t *testing.T) {
	body := pageBody(one)
	var deflated bytes.Buffer
	z := zlib.NewWriter(&deflated)
	z.Write([]byte(body))
	z.Close()
	chunked := fmt.Sprintf("5\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\n\r\n", body[:5], len(body)-5, body[5:])
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	for _, test := range []struct{ name, record, reason string }{
		{"whole", httpRecord(one, ok+"\r\n"+body), ""},
		{"lines end in \\n alone", httpRecord(one, strings.ReplaceAll(ok+"\r\n", "\r\n", "\n")+body), ""},
		{"XHTML", httpRecord(one, "HTTP/1.0 200 OK\r\nContent-Type: application/xhtml+xml; charset=utf-8\r\n\r\n"+body), ""},
		{"no content type, but a page", httpRecord(one, "HTTP/1.1 200 OK\r\n\r\n"+body), ""},
		{"HTTP/2, status line", httpRecord(one, "HTTP/2 200\r\ncontent-type: text/html\r\n\r\n"+body), ""},
		{"HTTP/2, pseudo-headers behind a status line", httpRecord(one, "HTTP/2 200\r\n:status: 200\r\ncontent-type: text/html\r\n\r\n"+body), ""},
		{"HTTP/2, pseudo-headers alone", httpRecord(one, ":status: 200\r\ncontent-type: text/html\r\n\r\n"+body), ""},
		{"chunked", httpRecord(one, ok+"Transfer-Encoding: chunked\r\n\r\n"+chunked), ""},
		{"chunked by the header, not by the body", httpRecord(one, ok+"Transfer-Encoding: chunked\r\n\r\n"+body), ""},
		{"gzip", httpRecord(one, ok+"Content-Encoding: gzip\r\n\r\n"+gz(body)), ""},
		{"gzip and chunked", httpRecord(one, ok+"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(gz(body)), gz(body))), ""},
		{"gzip by the header, not by the body", httpRecord(one, ok+"Content-Encoding: gzip\r\n\r\n"+body), ""},
		{"deflate", httpRecord(one, ok+"Content-Encoding: deflate\r\n\r\n"+deflated.String()), ""},
		{"zstd", httpRecord(one, ok+"Content-Encoding: zstd\r\n\r\n"+zst(t, body, nil)), ""},
		{"Content-Length that lies", httpRecord(one, ok+"Content-Length: 7\r\n\r\n"+body), ""},
		{"Common Crawl's names for what it undid", httpRecord(one, ok+"X-Crawl-Content-Encoding: br\r\nX-Crawl-Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"+body), ""},
		{"address in angle brackets", strings.Replace(httpRecord(one, ok+"\r\n"+body), one, "<"+one+">", 1), ""},

		{"unknown coding of bytes that are no page", httpRecord(one, ok+"Content-Encoding: own\r\n\r\n\x00\x01\x02\xff"), "bad_encoding"},
		{"not found", httpRecord(one, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n"+body), "http_404"},
		{"moved", httpRecord(one, "HTTP/1.1 301 Moved\r\nLocation: /two\r\n\r\n"), "http_301"},
		{"a part alone", httpRecord(one, "HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\n\r\n"+body), "http_206"},
		{"a picture", httpRecord(one, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG"), NotHTML},
		{"no content type and no page", httpRecord(one, "HTTP/1.1 200 OK\r\n\r\n\x89PNG\r\n\x1a\n"), NotHTML},
		{"no HTTP", httpRecord(one, "SSH-2.0-OpenSSH"), BadResponse},
		{"empty", httpRecord(one, ""), BadResponse},
		{"another scheme", httpRecord("ftp://example.org/a", ok+"\r\n"+body), BadURL},
		{"dns", httpRecord("dns:example.org", "20240506 A 192.0.2.1"), BadURL},
		{"request", warc("request", one, "application/http; msgtype=request", "GET / HTTP/1.1\r\n\r\n"), "request"},
		{"revisit", warc("revisit", one, "application/http; msgtype=response", ok+"\r\n"), "revisit"},
		{"warcinfo", warc("warcinfo", "a.warc.gz", "application/warc-fields", "software: x\r\n"), "warcinfo"},
		{"metadata that is no WAT's", warc("metadata", one, "application/warc-fields", "fetchTimeMs: 3\r\n"), "metadata"},
		{"a type that no standard names", warc("screenshot", one, "image/png", "x"), OtherRecord},

		{"robots meta", httpRecord(one, ok+"\r\n<meta name=robots content=noai>"+body), OptedOut},
		{"X-Robots-Tag", page(one, "X-Robots-Tag: noimageai"), OptedOut},
		{"X-Robots-Tag for another agent", page(one, "X-Robots-Tag: otherbot: noai"), ""},
		{"tdm-reservation", page(one, "TDM-Reservation: 1"), OptedOut},
		{"Content-Usage", page(one, "Content-Usage: train-ai=n"), OptedOut},
		{"unavailable since", page(one, "X-Robots-Tag: unavailable_after: 1 Jun 2024 00:00:00 GMT"), OptedOut},
		{"unavailable later", page(one, "X-Robots-Tag: unavailable_after: 1 Jun 2044 00:00:00 GMT"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			candidates, tally := extract(t, gz(test.record))
			if test.reason != "" {
				if len(candidates) > 0 || tally.Kept != 0 || tally.Dropped[test.reason] != 1 {
					t.Fatalf("got %v and %d candidates, want one record dropped as %s", tally, len(candidates), test.reason)
				}
				return
			}
			if len(candidates) != 1 || tally.Kept != 1 {
				t.Fatalf("got %v and %d candidates, want one", tally, len(candidates))
			}
			c := candidates[0]
			if c.PageURL != one || c.ImageURL != "http://example.org/fox.jpg" || c.Text != "A fox at one" || c.TextSource != "alt" ||
				c.Source != "a.warc.gz:0" || c.CrawlTime != 1714979289 {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// TestLeftOut: what pages say and is not among their candidates is counted.
func TestLeftOut(t *testing.T) {
	var logo strings.Builder
	for i := range 6 {
		fmt.Fprintf(&logo, "<img src=logo.png alt='By author %d'>", i)
	}
	many := "<img src=a.png alt=fox srcset='" + strings.Repeat("b.png 1x, ", 1030) + "'>"
	x := NewExtractor(testOptions(), nil)
	r := NewReader(strings.NewReader(gzAll(page(one), httpRecord(two, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"+logo.String()+many), page(two, "X-Robots-Tag: noai"))), nil)
	defer r.Close()
	for record, err := r.Next(); err == nil; record, err = r.Next() {
		x.Record(record, "a")
	}
	if got, want := x.LeftOut(), (LeftOut{Placeholders: 6, Cut: 6}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestRobots: the robots.txt files that lie in the archives are obeyed wherever
// they lie; of several the latest that could be had holds.
func TestRobots(t *testing.T) {
	robots := func(site, date, text string) string {
		return strings.Replace(httpRecord(site+"/robots.txt", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"+text), testDate, date, 1)
	}
	const site = "http://example.org"
	answers := func(status string) string {
		return httpRecord(site+"/robots.txt", "HTTP/1.1 "+status+"\r\n\r\n")
	}
	no := "User-agent: *\nDisallow: /one\n"
	for _, test := range []struct {
		name string
		file []string
		want map[string]int64 // reasons of pages
	}{
		{"before its pages", []string{robots(site, testDate, no), page(one), page(two)}, map[string]int64{"robots_disallowed": 1}},
		{"behind its pages", []string{page(one), page(two), robots(site, testDate, no)}, map[string]int64{"robots_disallowed": 1}},
		{"for us by name", []string{page(one), page(two), robots(site, testDate, "User-agent: pairloom\nDisallow: /\n\nUser-agent: *\nAllow: /\n")}, map[string]int64{"robots_disallowed": 2}},
		{"of another site", []string{page(one), robots("http://www.example.org", testDate, no)}, map[string]int64{}},
		{"of another scheme", []string{page(one), robots("https://example.org", testDate, no)}, map[string]int64{}},
		{"the port that goes without saying", []string{page(one), robots("http://example.org:80", testDate, no)}, map[string]int64{"robots_disallowed": 1}},
		{"an older one that allowed", []string{robots(site, "2023-01-01T00:00:00Z", ""), page(one), robots(site, testDate, no)}, map[string]int64{"robots_disallowed": 1}},
		{"an older one that did not", []string{robots(site, "2023-01-01T00:00:00Z", no), page(one), robots(site, testDate, "")}, map[string]int64{}},
		{"could not be had", []string{answers("503 Down"), page(one)}, map[string]int64{NoRobots: 1}},
		{"could not be had at first", []string{answers("503 Down"), page(one), robots(site, "2023-01-01T00:00:00Z", "")}, map[string]int64{}},
		{"is not there", []string{answers("404 Not Found"), page(one)}, map[string]int64{}},
		{"lies elsewhere", []string{answers("301 Moved\r\nLocation: http://www.example.org/robots.txt"), page(one), robots("http://www.example.org", testDate, no)}, map[string]int64{"robots_disallowed": 1}},
		{"leads round", []string{answers("301 Moved\r\nLocation: http://b.org/robots.txt"), httpRecord("http://b.org/robots.txt", "HTTP/1.1 301 M\r\nLocation: "+site+"/robots.txt\r\n\r\n"), page(one)}, map[string]int64{}},
		{"signals", []string{robots(site, testDate, "User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n"), page(one)}, map[string]int64{OptedOut: 1}},
	} {
		for form, file := range map[string]string{"gzip": gzAll(test.file...), "plain": strings.Join(test.file, ""), "one member": gz(strings.Join(test.file, ""))} {
			t.Run(test.name+"/"+form, func(t *testing.T) {
				_, tally := extract(t, file)
				delete(tally.Dropped, RobotsFile)
				if !maps.Equal(tally.Dropped, test.want) {
					t.Errorf("dropped %v, want %v", tally.Dropped, test.want)
				}
			})
		}
	}
}

// TestReservations: the tdmrep.json files that lie in the archives are obeyed as the
// robots.txt files are.
func TestReservations(t *testing.T) {
	const site = "http://example.org"
	file := func(site, date, status, text string) string {
		return strings.Replace(httpRecord(site+"/.well-known/tdmrep.json", "HTTP/1.1 "+status+"\r\n\r\n"+text), testDate, date, 1)
	}
	const old, no, yes = "2023-01-01T00:00:00Z", `[{"location":"/one","tdm-reservation":1}]`, `[{"location":"/","tdm-reservation":0}]`
	for _, test := range []struct {
		name    string
		file    []string
		dropped int64
	}{
		{"before its pages", []string{file(site, testDate, "200 OK", no), page(one), page(two)}, 1},
		{"behind its pages", []string{page(one), page(two), file(site, testDate, "200 OK", no)}, 1},
		{"of another site", []string{page(one), file("http://www.example.org", testDate, "200 OK", no)}, 0},
		{"an older one that allowed", []string{page(one), file(site, testDate, "200 OK", no), file(site, old, "200 OK", yes)}, 1},
		{"an older one that did not", []string{page(one), file(site, testDate, "200 OK", yes), file(site, old, "200 OK", no)}, 0},
		{"could not be had at last", []string{page(one), file(site, testDate, "503 Down", ""), file(site, old, "200 OK", no)}, 1},
		{"could not be had", []string{page(one), file(site, testDate, "503 Down", "")}, 0},
		{"is not there any more", []string{page(one), file(site, testDate, "404 Not Found", ""), file(site, old, "200 OK", no)}, 0},
		{"lies elsewhere", []string{page(one), file(site, testDate, "301 Moved\r\nLocation: http://b.org/.well-known/tdmrep.json", ""), file("http://b.org", testDate, "200 OK", no)}, 1},
		{"a header goes before it", []string{page(one, "TDM-Reservation: 0"), file(site, testDate, "200 OK", no)}, 0},
		{"no JSON", []string{page(one), file(site, testDate, "200 OK", "<html>")}, 0},
		{"robots.txt beside it", []string{page(one), page(two), file(site, testDate, "200 OK", no), httpRecord(site+"/robots.txt", "HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nAllow: /\n")}, 1},
	} {
		for form, file := range map[string]string{"gzip": gzAll(test.file...), "plain": strings.Join(test.file, ""), "one member": gz(strings.Join(test.file, ""))} {
			t.Run(test.name+"/"+form, func(t *testing.T) {
				_, tally := extract(t, file)
				if tally.Dropped[OptedOut] != test.dropped || tally.Dropped[PolicyFile] == 0 {
					t.Errorf("dropped %v, want %d for an opt-out, and the file", tally.Dropped, test.dropped)
				}
			})
		}
	}
}

// watJSON is a WAT record's JSON, with keys in the order of the letters or in that of
// Common Crawl's older files.
func watJSON(links []map[string]string, head map[string]any, headers map[string]any, status any) string {
	data, err := json.Marshal(map[string]any{
		"Container": map[string]any{"Filename": "a.warc.gz", "Offset": "7"},
		"Envelope": map[string]any{
			"WARC-Header-Metadata": map[string]any{"WARC-Type": "response", "WARC-Target-URI": one, "WARC-Date": testDate},
			"Payload-Metadata": map[string]any{"HTTP-Response-Metadata": map[string]any{
				"Response-Message": map[string]any{"Status": status, "Version": "HTTP/1.1", "Reason": "OK"},
				"Headers":          headers,
				"HTML-Metadata":    map[string]any{"Head": head, "Links": links},
			}},
		},
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}

func wat(text string) string { return warc("metadata", one, "application/json", text) }

// TestWAT: what a WAT record says of pictures, wherever and however it is written.
func TestWAT(t *testing.T) {
	html := map[string]any{"Content-Type": "text/html"}
	img := func(more ...string) map[string]string {
		m := map[string]string{"path": "IMG@/src", "url": "fox.jpg"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	const fox = "http://example.org/fox.jpg "
	for _, test := range []struct {
		name, text, reason string
		want               []string // address and text
	}{
		{"alt and title", watJSON([]map[string]string{img("alt", "A red fox", "title", "Vulpes vulpes")}, nil, html, "200"), "", []string{fox + "alt A red fox", fox + "title Vulpes vulpes"}},
		{"among other links", watJSON([]map[string]string{{"path": "A@/href", "url": "fox.jpg", "text": "x", "alt": "no"}, img("alt", "A red fox"), {"path": "IMG@/srcset", "url": "b.jpg", "alt": "no"}}, nil, html, "200"), "", []string{fox + "alt A red fox"}},
		{"no text", watJSON([]map[string]string{img(), img("alt", " ")}, nil, html, "200"), "", nil},
		{"escapes and quotes", watJSON([]map[string]string{img("alt", "a \"red\" \\ fox\n\u00e9 \U0001F98A <b> }],[{")}, nil, html, "200"), "", []string{fox + "alt a \"red\" \\ fox \u00e9 \U0001F98A <b> }],[{"}},
		{"surrogates", strings.Replace(watJSON([]map[string]string{img("alt", "fox X")}, nil, html, "200"), "X", `\ud83e\udd8a \ud83e`, 1), "", []string{fox + "alt fox \U0001F98A \ufffd"}},
		{"entities as they stood in the markup", watJSON([]map[string]string{{"path": "IMG@/src", "url": "f?a=1&amp;b=2", "alt": "fox &amp; hound"}}, nil, html, "200"), "", []string{"http://example.org/f?a=1&b=2 alt fox & hound"}},
		{"base", watJSON([]map[string]string{img("alt", "A red fox")}, map[string]any{"Base": "http://cdn.example.org/x/"}, html, "200"), "", []string{"http://cdn.example.org/x/fox.jpg alt A red fox"}},
		{"white space", strings.NewReplacer(`":`, "\" :\n ", `,"`, " ,\r\n\t\"").Replace(watJSON([]map[string]string{img("alt", "A red fox")}, nil, html, "200")), "", []string{fox + "alt A red fox"}},
		{"status is a number", watJSON([]map[string]string{img("alt", "A red fox")}, nil, html, 200), "", []string{fox + "alt A red fox"}},
		{"headers with many values", watJSON(nil, nil, map[string]any{"Content-Type": "text/html", "x-robots-tag": []string{"all", "noai"}}, "200"), OptedOut, nil},
		{"robots meta", watJSON([]map[string]string{img("alt", "x")}, map[string]any{"Metas": []map[string]string{{"name": "robots", "content": "noai"}}}, html, "200"), OptedOut, nil},
		{"another agent's meta", watJSON([]map[string]string{img("alt", "A red fox")}, map[string]any{"Metas": []map[string]string{{"name": "otherbot", "content": "noai"}}}, html, "200"), "", []string{fox + "alt A red fox"}},
		{"status", watJSON(nil, nil, html, "404"), "http_404", nil},
		{"type", watJSON(nil, nil, map[string]any{"Content-Type": "image/png"}, "200"), NotHTML, nil},
		{"request", `{"Envelope":{"WARC-Header-Metadata":{"WARC-Type":"request"},"Payload-Metadata":{"HTTP-Request-Metadata":{}}}}`, NotResponse, nil},
		{"breaks off", watJSON([]map[string]string{img("alt", "x")}, nil, html, "200")[:150], BadMetadata, nil},
		{"no JSON", `{"Envelope":{x`, BadMetadata, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			candidates, tally := extract(t, gz(wat(test.text)))
			var got []string
			for _, c := range candidates {
				got = append(got, c.ImageURL+" "+c.TextSource+" "+c.Text)
				if c.PageURL != one || c.CrawlTime != 1714979289 || c.Source != "a.warc.gz:0" {
					t.Errorf("got %+v", c)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.reason == "" && tally.Kept != 1 || test.reason != "" && tally.Dropped[test.reason] != 1 {
				t.Errorf("got %v, want %q", tally, test.reason)
			}
		})
	}
}

// FuzzReader: any bytes end, and records lie where they are said to.
func FuzzReader(f *testing.F) {
	f.Add([]byte(gzAll(page(one), page(two))))
	f.Add([]byte(page(one) + gz(page(two))))
	f.Add([]byte("http://a.org/ 1.1.1.1 20240506070809 text/html 5\nHTTP/\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r := NewReader(bytes.NewReader(file), func(string, int64) {})
		defer r.Close()
		x := NewExtractor(testOptions(), nil)
		last := int64(0)
		for {
			record, err := r.Next()
			if err != nil {
				return
			}
			if record.Offset < last || record.Offset > int64(len(file)) || len(record.Block) > maxBlockBytes {
				t.Fatalf("record at %d behind one at %d of %d bytes", record.Offset, last, len(file))
			}
			last = record.Offset
			x.Record(record, "a")
		}
	})
}
