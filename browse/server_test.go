package browse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// pagesOf are the addresses of all kinds of pages.
func pagesOf() []string {
	f := foxes()
	paths := []string{"/", "/?q=fox", "/?q=is:any", "/?q=is:dropped", "/?q=no+such+word", "/dropped", "/alike", "/queries", "/queries?has=fox", "/hosts", "/hosts?has=nothing", "/texts?reason=no_query", "/texts?reason=" + url.QueryEscape(hostile),
		"/?q=" + url.QueryEscape(hostile), "/road?asked=" + url.QueryEscape(hostile), "/pair/nonsense", "/nowhere", "/?q=like:" + f[0].id(), "/?q=fox&by=meaning"}
	for _, p := range f {
		paths = append(paths, "/pair/"+p.id(), "/pair/"+p.id()+"?at=1&q=is:any", "/road?part=1&asked="+p.id(), "/road?asked="+url.QueryEscape(p.image))
	}
	return paths
}

func TestPages(t *testing.T) {
	f := foxes()
	s := newServer(t, f, func(o *Options) {
		o.Refuse = func(context.Context, Refusal) error { return nil }
	})
	pair := func(i int) string { return "/pair/" + f[i].id() }
	for _, tt := range []struct {
		path   string
		status int
		has    []string
		hasNot []string
	}{
		{"/", 200, []string{"1–5 of 5", "A red fox in the Snow", "held out", "Kept <b>5</b>", "Dropped <b>4</b>", "/picture/" + f[0].id()}, []string{"Gone fox", "Meaning"}},
		{"/?q=is:dropped", 200, []string{"1–4 of 4", "near_duplicate_picture <b>1</b>", "picture_not_fetched/http_404", "no picture"}, []string{"A red fox in the Snow"}},
		{"/?q=nothing+like+it", 200, []string{"nothing found", "look at all of them"}, nil},
		{"/?q=fox&page=99", 200, []string{"1–4 of 4"}, nil},
		{pair(0), 200, []string{"A red fox in the Snow", "24 × 16 png", "48 × 32 png", "red fox", "Copies <b>2</b>", "Refuse picture", `href="https://page.example/a"`, `rel="noopener noreferrer nofollow"`}, nil},
		{pair(1), 200, []string{"Held out"}, []string{"Copies"}},
		{pair(6), 200, []string{"duplicate_picture", "which stays", `<a href="/pair/` + f[5].id() + `">see that one</a>`, "smaller", "A red fox in the Snow"}, nil},
		{pair(7), 200, []string{"picture_not_fetched/http_404", "http_404: gone", "no picture is stored"}, nil},
		{pair(9), 200, []string{"Waiting"}, nil},
		{pair(2) + "?at=1&q=fox", 200, []string{"2 of 4", "‹ Previous", "Next ›", `href="/?q=fox#` + f[2].id() + `"`}, nil},
		{pair(0) + "?at=3&q=fox", 200, nil, []string{"‹ Previous", "Next ›"}}, // the answer is another by now
		{pair(0) + "?at=-7&q=fox", 200, nil, []string{"‹ Previous"}},
		{"/pair/0123456789abcdef", 404, []string{"no pair"}, nil},
		{"/pair/1", 404, []string{"16 hexadecimal digits"}, nil},
		{"/dropped", 200, []string{"near_duplicate_picture", "short_side", "http_404", "crawl", "/texts?reason=no_query", "reason%3Ashort_side", "/picture/" + f[8].id()}, nil},
		{"/texts?reason=no_query", 200, []string{"Nothing to be seen", "contains none of the 5 queries", fmt.Sprintf("/stored/%016x", shard.ImageID(f[0].image))}, []string{"red fox"}},
		{"/texts?reason=short_side", 200, []string{"no text for that"}, nil},
		{fmt.Sprintf("/stored/%016x", shard.ImageID(f[0].image)), 200, []string{"PNG"}, nil},
		{fmt.Sprintf("/stored/%016x", shard.ImageID(f[7].image)), 404, nil, nil},
		{"/stored/x", 404, nil, nil},
		{"/alike", 200, []string{"1 groups", f[0].id(), f[5].id(), f[6].id()}, []string{f[2].id()}},
		{"/queries", 200, []string{"red fox", "C&#43;&#43;"}, nil},
		{"/queries?has=Red", 200, []string{"red fox"}, []string{"C&#43;&#43;"}},
		{"/hosts", 200, []string{"page.example", "www.other.example:8080", "pictures.example"}, nil},
		{"/?q=fox&by=meaning", 200, []string{"1–4 of 4"}, nil}, // without vectors words are words
		{"/?q=like:" + f[0].id(), 404, []string{"pairloom embed pictures"}, nil},
		{"/road?asked=" + f[0].id(), 200, []string{"match", "shards/shard-00000.arrow, row 0"}, nil},
		{"/road?part=1&asked=" + f[7].id(), 200, []string{"http_404"}, []string{"<html"}},
		{"/road?asked=nonsense", 200, []string{"Nothing is known"}, nil},
		{"/nowhere", 404, nil, nil},
	} {
		w := get(s, tt.path)
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d: %s", tt.path, w.Code, tt.status, w.Body)
		}
		for _, text := range tt.has {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s has not %q:\n%s", tt.path, text, w.Body)
			}
		}
		for _, text := range tt.hasNot {
			if strings.Contains(w.Body.String(), text) {
				t.Errorf("%s has %q", tt.path, text)
			}
		}
	}
}

// TestHostileTextsStayTexts reads all pages as a browser does: there is no script and
// no handler but ours, no link but to this server and to pages of the web, and what a
// page of the web said is text.
func TestHostileTextsStayTexts(t *testing.T) {
	s := newServer(t, foxes(), func(o *Options) {
		o.Refuse = func(context.Context, Refusal) error { return nil }
		o.Near = func(context.Context, Nearest) ([]Near, error) { return nil, errors.New(hostile) }
	})
	shown := 0
	for _, path := range pagesOf() {
		w := get(s, path)
		root, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.TextNode && strings.Contains(n.Data, "<script>alert(1)</script>") {
				shown++
			}
			if n.Type != html.ElementNode {
				continue
			}
			attributes := map[string]string{}
			for _, a := range n.Attr {
				attributes[a.Key] = a.Val
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" {
					t.Errorf("%s: <%s> has the attribute %s", path, n.Data, a.Key)
				}
			}
			switch n.Data {
			case "script":
				if attributes["src"] != "/static/browse.js" || n.FirstChild != nil {
					t.Errorf("%s has a script of its own", path)
				}
			case "img":
				if !strings.HasPrefix(attributes["src"], "/picture/") && !strings.HasPrefix(attributes["src"], "/stored/") {
					t.Errorf("%s shows a picture from %s", path, attributes["src"])
				}
			case "iframe", "object", "embed", "base", "style":
				t.Errorf("%s has <%s>", path, n.Data)
			case "a", "form":
				to := attributes["href"] + attributes["action"]
				if u, err := url.Parse(to); err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Scheme != "" && attributes["rel"] != "noopener noreferrer nofollow" {
					t.Errorf("%s links to %q", path, to)
				}
			}
		}
	}
	if shown < 4 {
		t.Errorf("the hostile text is shown %d times as text: the test does not reach it", shown)
	}
}

// TestGuards asks as others than the page itself would.
func TestGuards(t *testing.T) {
	refused := 0
	s := newServer(t, foxes(), func(o *Options) {
		o.Refuse = func(context.Context, Refusal) error { refused++; return nil }
	})
	id := foxes()[0].id()
	form := func(token string) string { return url.Values{"pair": {id}, "token": {token}}.Encode() }
	for _, tt := range []struct {
		name, method, path, host, body string
		headers                        map[string]string
		want                           int
	}{
		{"the address", "GET", "/", address, "", nil, 200},
		{"localhost", "GET", "/", "localhost:8770", "", nil, 200},
		{"a foreign name that resolves here", "GET", "/", "evil.example:8770", "", nil, 421},
		{"the same without a port", "GET", "/", "127.0.0.1", "", nil, 421},
		{"another port", "GET", "/", "127.0.0.1:80", "", nil, 421},
		{"no name", "GET", "/", "", "", nil, 421},
		{"a name that begins like ours", "GET", "/", address + ".evil.example", "", nil, 421},
		{"a foreign name asks for a picture", "GET", "/picture/" + id, "evil.example", "", nil, 421},
		{"a foreign name refuses", "POST", "/refuse", "evil.example", form(s.token), nil, 421},
		{"a link on another site", "GET", "/", address, "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, 200},
		{"a picture on another site", "GET", "/picture/" + id, address, "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}, 403},
		{"a frame on a site beside", "GET", "/", address, "", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"}, 403},
		{"a script on another site", "GET", "/road?asked=" + id, address, "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty"}, 403},
		{"a form of the page", "POST", "/refuse", address, form(s.token), map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://" + address}, 303},
		{"the page's script", "POST", "/refuse", address, "pair=" + id, map[string]string{tokenHeader: s.token, "Sec-Fetch-Site": "same-origin"}, 204},
		{"without a token", "POST", "/refuse", address, "pair=" + id, nil, 403},
		{"with an empty token", "POST", "/refuse", address, form(""), nil, 403},
		{"with another token", "POST", "/refuse", address, form(s.token[1:] + "A"), nil, 403},
		{"with the token in the address", "POST", "/refuse?token=" + s.token, address, "pair=" + id, nil, 403},
		{"from another site", "POST", "/refuse", address, form(s.token), map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"from a site beside", "POST", "/refuse", address, form(s.token), map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"from another origin", "POST", "/refuse", address, form(s.token), map[string]string{"Origin": "http://evil.example"}, 403},
		{"from another port", "POST", "/refuse", address, form(s.token), map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"from nowhere", "POST", "/refuse", address, form(s.token), map[string]string{"Origin": "null"}, 403},
		{"a link that refuses", "GET", "/refuse?" + form(s.token), address, "", nil, 405},
		{"a page that is posted to", "POST", "/", address, form(s.token), nil, 405},
		{"no pair", "POST", "/refuse", address, "token=" + s.token, nil, 400},
		{"an unknown pair", "POST", "/refuse", address, "pair=0123456789abcdef&token=" + s.token, nil, 404},
		{"too much", "POST", "/refuse", address, form(s.token) + "&more=" + strings.Repeat("a", 1<<20), nil, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := refused
			r := httptest.NewRequest(tt.method, "http://"+address+tt.path, strings.NewReader(tt.body))
			r.Host = tt.host
			if tt.body != "" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			for name, value := range tt.headers {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			if did := refused > before; did != (tt.want == 303 || tt.want == 204) {
				t.Errorf("refused: %v", did)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "X-Dns-Prefetch-Control": "off",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if p := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none'") || strings.Contains(p, "unsafe") || strings.Contains(p, "http") {
				t.Errorf("the policy is %q", p)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("other origins may read")
			}
		})
	}
}

func TestPictures(t *testing.T) {
	f := foxes()
	s := newServer(t, f, nil)
	for _, tt := range []struct {
		pair, status int
	}{{0, 200}, {1, 200}, {5, 200}, {8, 200}, {9, 200}, {7, 404}} {
		w := get(s, "/picture/"+f[tt.pair].id())
		if w.Code != tt.status {
			t.Fatalf("pair %d: status %d, want %d", tt.pair, w.Code, tt.status)
		}
		if tt.status != 200 {
			continue
		}
		h := w.Header()
		if !bytes.Equal(w.Body.Bytes(), pngOf(t, tt.pair)) || h.Get("Content-Type") != "image/png" || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("pair %d: %d bytes, %v", tt.pair, w.Body.Len(), h)
		}
		r := httptest.NewRequest("GET", "http://"+address+"/picture/"+f[tt.pair].id(), nil)
		r.Header.Set("If-None-Match", h.Get("ETag"))
		again := httptest.NewRecorder()
		if s.ServeHTTP(again, r); again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("pair %d asked for again: status %d", tt.pair, again.Code)
		}
	}
	for format, want := range map[string]string{
		"": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "ico": "image/x-icon", "avif": "image/avif",
		"svg": "application/octet-stream", "svg+xml": "application/octet-stream", "html": "application/octet-stream", "tiff": "application/octet-stream",
	} {
		if got := mediaType(format); got != want {
			t.Errorf("%q is sent as %s, want %s", format, got, want)
		}
	}
}

// TestSearchesAreBounded: what is longer than a search can be is refused, and what is not
// gives a page whose size does not grow with its square.
func TestSearchesAreBounded(t *testing.T) {
	s := newServer(t, foxes(), nil)
	terms := func(n int) string { return strings.Repeat("host:a ", n/7+1)[:n] }
	for _, tt := range []struct {
		name, path string
		want       int
	}{
		{"as long as may be", "/?q=" + url.QueryEscape(terms(1<<10)), 200},
		{"a byte more", "/?q=" + url.QueryEscape(terms(1<<10+1)), 400},
		{"a pair of such a search", "/pair/" + foxes()[0].id() + "?at=0&q=" + url.QueryEscape(terms(40_000)), 400},
		{"as words of another field", "/road?asked=" + strings.Repeat("a", 600_000), 400},
		{"what people ask", "/road?asked=" + url.QueryEscape("https://pictures.example/"+strings.Repeat("a", 2000)), 200},
	} {
		w := get(s, tt.path)
		if w.Code != tt.want || w.Body.Len() > 1<<20 {
			t.Errorf("%s: status %d, want %d; %d bytes", tt.name, w.Code, tt.want, w.Body.Len())
		}
	}
}

// TestRefuse presses the button: the picture's address is refused, all its pairs show
// it, and an error is told.
func TestRefuse(t *testing.T) {
	f := foxes()
	f[2].image = f[0].image // two texts of one picture
	f[1].image, f[1].text = "https://pictures.example/listed.png", "red bricks"
	var got []Refusal
	var fault error
	s := newServer(t, f, func(o *Options) {
		o.Refuse = func(_ context.Context, r Refusal) error { got = append(got, r); return fault }
		o.Refused = func(p *shard.Pair) bool { return p.ImageURL == f[1].image }
	})
	press := func(id string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://"+address+"/refuse", strings.NewReader("pair="+id))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(tokenHeader, s.token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	marked := func() string {
		body := get(s, "/?q=is:any").Body.String()
		var letters strings.Builder
		for _, p := range f {
			if strings.Contains(body, `class="cell refused" id="`+p.id()+`"`) {
				letters.WriteString(filepath.Base(p.page))
			}
		}
		return letters.String()
	}
	if m := marked(); m != "b" {
		t.Errorf("at first %q are refused, want b, which the list has", m)
	}
	fault = errors.New("disk full")
	if w := press(f[0].id()); w.Code != 500 || !strings.Contains(w.Body.String(), "disk full") || marked() != "b" {
		t.Errorf("a refusal that is not on disk: status %d, %s, refused %q", w.Code, w.Body, marked())
	}
	fault = &fs.PathError{Op: "rename", Path: filepath.Join(s.Dir, "refused.txt"), Err: errors.New("disk full")}
	if w := press(f[0].id()); w.Code != 500 || strings.Contains(w.Body.String(), s.Dir) || !strings.Contains(w.Body.String(), "rename refused.txt: disk full") {
		t.Errorf("it says where the dataset lies, or not what is wrong: %s", w.Body)
	}
	got = got[:1]
	fault = nil
	if w := press(f[0].id()); w.Code != 204 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	want := Refusal{shard.PairID(f[0].image, f[0].text), f[0].image}
	if len(got) != 2 || got[1] != want {
		t.Errorf("asked to refuse %v, want %v", got, want)
	}
	if m := marked(); m != "abc" {
		t.Errorf("%q are refused, want abc", m)
	}
	if body := get(s, "/pair/"+f[0].id()).Body.String(); !strings.Contains(body, "disabled") {
		t.Error("the pair's page lets refuse it again")
	}
	s = newServer(t, f, nil)
	if w := press(f[0].id()); w.Code != 404 || strings.Contains(get(s, "/pair/"+f[0].id()).Body.String(), "Refuse picture") {
		t.Errorf("where nothing can be refused: status %d", w.Code)
	}
}

// TestAChangedDatasetIsReadAnew writes the folders again under the open page.
func TestAChangedDatasetIsReadAnew(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := foxes()
	s := newServer(t, f, nil)
	if got := get(s, "/").Body.String(); !strings.Contains(got, "1–5 of 5") {
		t.Fatal(got)
	}
	more := foxes()[0]
	more.image, more.text = "https://pictures.example/k.png", "One more fox"
	for _, folder := range watched {
		if err := os.RemoveAll(filepath.Join(s.Dir, folder)); err != nil {
			t.Fatal(err)
		}
	}
	get(s, "/") // a stage begins: the folders are gone
	s.builds.Wait()
	old := get(s, "/pair/"+f[0].id()).Body.String()
	if !strings.Contains(old, "A red fox in the Snow") || !strings.Contains(old, "cannot be read yet") {
		t.Errorf("while the folders are written the page is\n%s", old)
	}
	writeDataset(t, s.Dir, append(f, more))
	get(s, "/")
	s.builds.Wait()
	fresh := get(s, "/").Body.String()
	if !strings.Contains(fresh, "1–6 of 6") || !strings.Contains(fresh, "One more fox") || strings.Contains(fresh, `class="notice"`) {
		t.Errorf("after a stage has ended the page is\n%s", fresh)
	}
}

// TestByMeaning has vectors that say which pairs are near.
func TestByMeaning(t *testing.T) {
	f := foxes()
	id := func(i int) uint64 { return shard.PairID(f[i].image, f[i].text) }
	var asked []Nearest
	s := newServer(t, f, func(o *Options) {
		o.Near = func(_ context.Context, n Nearest) ([]Near, error) {
			asked = append(asked, n)
			return []Near{{id(3), 0.9}, {12345, 0.8}, {id(0), 0.7}, {id(1), 0.6}}, nil
		}
	})
	for _, tt := range []struct {
		q    string
		by   bool
		want string
		ask  Nearest
	}{
		{"animals in winter", true, "dab", Nearest{"animals in winter", 0, mostNear}},
		{"animals host:sub.page.example", true, "d", Nearest{"animals", 0, mostNear}},
		{"animals is:held-out -snow", true, "b", Nearest{"animals", 0, mostNear}},
		{"like:" + f[0].id(), false, "dab", Nearest{"", id(0), mostNear}},
		{"like:" + f[0].id() + " snow", false, "da", Nearest{"", id(0), mostNear}},
		{"is:dropped", true, "fghi", Nearest{}}, // no words to mean anything
	} {
		asked = nil
		found, err := s.search(t.Context(), parseAsk(tt.q), tt.by)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.letters(found.entries); got != tt.want {
			t.Errorf("%q finds %q, want %q", tt.q, got, tt.want)
		}
		if tt.ask == (Nearest{}) != (len(asked) == 0) || len(asked) > 0 && asked[0] != tt.ask {
			t.Errorf("%q asks for %+v, want %+v", tt.q, asked, tt.ask)
		}
	}
	if body := get(s, "/?q=winter&by=meaning").Body.String(); !strings.Contains(body, "0.900") || !strings.Contains(body, "nearest") {
		t.Errorf("the grid has no scores:\n%s", body)
	}
}

func TestNoPairsYet(t *testing.T) {
	_, err := New(Options{Dir: t.TempDir(), Address: address, Settings: &pipeline.Options{}})
	if !errors.Is(err, errEmpty) {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestBeforeTheEndOfTheRoad browses folders of which later stages have not ended.
func TestBeforeTheEndOfTheRoad(t *testing.T) {
	for _, tt := range []struct {
		name   string
		gone   []string
		counts string
	}{
		{"no shards", []string{shard.ShardsFolder}, "Waiting <b>6</b>"},
		{"no selection", []string{shard.ShardsFolder, shard.SelectionFolder}, "Waiting <b>10</b>"},
		{"no pictures", []string{shard.ShardsFolder, shard.SelectionFolder, shard.ImagesFolder}, "Waiting <b>10</b>"},
		{"shards alone", []string{shard.MatchedFolder, shard.SelectionFolder, shard.ImagesFolder}, "Kept <b>5</b>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeDataset(t, dir, foxes())
			for _, folder := range tt.gone {
				if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
					t.Fatal(err)
				}
			}
			s := serverOf(t, dir, nil)
			for _, path := range []string{"/", "/?q=is:any", "/dropped", "/alike", "/queries", "/hosts", "/pair/" + foxes()[0].id()} {
				if w := get(s, path); w.Code != http.StatusOK {
					t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
				}
			}
			if body := get(s, "/").Body.String(); !strings.Contains(body, tt.counts) {
				t.Errorf("the grid has not %s:\n%s", tt.counts, body)
			}
		})
	}
}

// TestDeletedPairsAreDropped takes one pair out of the shards by a deletion vector.
func TestDeletedPairsAreDropped(t *testing.T) {
	f := foxes()
	dir := t.TempDir()
	writeDataset(t, dir, f)
	folder := filepath.Join(dir, shard.ShardsFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	w, err := shard.CreatePart[shard.Deletion](folder, shard.DeletionsName(2), shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	// c is the second row of the first shard.
	if err := w.Write(&shard.Deletion{PairID: shard.PairID(f[2].image, f[2].text), Part: "shard-00000.arrow", Row: 1, Reason: "removed", Detail: "url " + f[2].image}); err != nil {
		t.Fatal(err)
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	part.Generation = 2
	m.Deletions = []shard.Part{part}
	m.Generations = []shard.Generation{{Number: 1, Added: 5}, {Number: 2, Deleted: 1, Reasons: map[string]int64{"removed": 1}}}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
	s := serverOf(t, dir, nil)
	for ask, want := range map[string]string{"": "adeb", "reason:removed": "c", "is:dropped boat": "ci", "is:any": "adebcfghij"} {
		found, _ := s.index.newFilter(parseAsk(ask), false).all()
		if got := s.letters(found); got != want {
			t.Errorf("%q finds %q, want %q", ask, got, want)
		}
	}
	for i, p := range f[:5] {
		e, known := s.index.find(shard.PairID(p.image, p.text))
		r, err := s.index.row(e, false)
		if picture := get(s, "/picture/"+p.id()).Body.Bytes(); !known || err != nil || r.Text != p.text || !bytes.Equal(picture, pngOf(t, i)) {
			t.Errorf("pair %d is shown with the text %q, %v, and %d bytes of picture", i, r.Text, err, len(picture))
		}
	}
	if page := get(s, "/pair/"+f[2].id()).Body.String(); !strings.Contains(page, "removed") || !strings.Contains(page, "url "+f[2].image) {
		t.Errorf("why it was deleted is not told:\n%s", page)
	}
}

// TestWhoTurnsOverWaitsForNobody asks for a pair's way while another is told, and is gone.
func TestWhoTurnsOverWaitsForNobody(t *testing.T) {
	s := newServer(t, foxes(), nil)
	s.explaining <- struct{}{} // another is told
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan int)
	go func() {
		r := httptest.NewRequestWithContext(ctx, "GET", "http://"+address+"/road?asked="+foxes()[0].id(), nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		answered <- w.Code
	}()
	leave()
	if code := <-answered; code == http.StatusOK {
		t.Errorf("who left was told, status %d", code)
	}
	<-s.explaining
	if w := get(s, "/road?asked="+foxes()[0].id()); w.Code != http.StatusOK {
		t.Errorf("the next: status %d", w.Code)
	}
}
