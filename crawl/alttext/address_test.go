package alttext

import (
	"net/url"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"
	"golang.org/x/text/encoding/htmlindex"
)

func TestResolve(t *testing.T) {
	const base = "http://x.org/d/e/p.html?q=1#f"
	for _, tt := range []struct{ ref, want string }{
		{"a.jpg", "http://x.org/d/e/a.jpg"},
		{"./a.jpg", "http://x.org/d/e/a.jpg"},
		{"../a.jpg", "http://x.org/d/a.jpg"},
		{"../../../a.jpg", "http://x.org/a.jpg"},
		{"/a/./b/../c", "http://x.org/a/c"},
		{"a/..", "http://x.org/d/e/"},
		{"a/.", "http://x.org/d/e/a/"},
		{"..", "http://x.org/d/"},
		{"/..", "http://x.org/"},
		{"/a//../b", "http://x.org/a/b"},
		{"...", "http://x.org/d/e/..."},
		{"", "http://x.org/d/e/p.html?q=1"},
		{"#g", "http://x.org/d/e/p.html?q=1"},
		{"?r", "http://x.org/d/e/p.html?r"},
		{"a?b/../c#d", "http://x.org/d/e/a?b/../c"},
		{" \n a.jpg\t ", "http://x.org/d/e/a.jpg"},
		{"//y.org", "http://y.org/"},
		{"https://y.org?a", "https://y.org/?a"},
		{"HTTPS://Y.ORG/A", "https://y.org/A"},

		// Only what must be escaped is.
		{"/o/images%2Fmy photo.jpg", "http://x.org/o/images%2Fmy%20photo.jpg"},
		{"/a%7eb%41", "http://x.org/a%7eb%41"},
		{"/x%.jpg", "http://x.org/x%25.jpg"},
		{"100%", "http://x.org/d/e/100%25"},
		{"/a?50%&b=%zz", "http://x.org/a?50%&b=%zz"},
		{"/a'(b)[c]!$&*+,;=:@~", "http://x.org/a'(b)[c]!$&*+,;=:@~"},
		{`/a"<>` + "`{}^|b", "http://x.org/a%22%3C%3E%60%7B%7D%5E%7Cb"},
		{`?a"<>'` + "`{}^|b", "http://x.org/d/e/p.html?a%22%3C%3E%27`{}^|b"},
		{"/é?ü", "http://x.org/%C3%A9?%C3%BC"},
		{"/\x00\x7f", "http://x.org/%00%7F"},

		// Dots are dots when they are escaped.
		{"/a/%2e%2e/private", "http://x.org/private"},
		{"/a/.%2E/%2e/b", "http://x.org/b"},
		{"/a/%2e%2e", "http://x.org/"},
		{"/a/%2e%2e%2e/b", "http://x.org/a/%2e%2e%2e/b"},

		// Backslashes, slashes, and what is inside.
		{`img\a.jpg`, "http://x.org/d/e/img/a.jpg"},
		{`\\y\a`, "http://y/a"},
		{`\a?b\c`, `http://x.org/a?b\c`},
		{"///cdn/x", "http://cdn/x"},
		{"http:/a.jpg", "http://x.org/a.jpg"},
		{"http:a.jpg", "http://x.org/d/e/a.jpg"},
		{"https:/y.org/a", "https://y.org/a"},
		{"https:////y.org/a", "https://y.org/a"},
		{"a\tb\nc\r.jpg", "http://x.org/d/e/abc.jpg"},
		{"ht\ntp://y.org/", "http://y.org/"},
		{"größe:1.jpg", "http://x.org/d/e/gr%C3%B6%C3%9Fe:1.jpg"},
		{"1:2.jpg", "http://x.org/d/e/1:2.jpg"},
		{"/a:b", "http://x.org/a:b"},

		// Hosts and ports.
		{"http://y.org:080/a", "http://y.org/a"},
		{"https://y.org:443/a", "https://y.org/a"},
		{"http://y.org:8080/a", "http://y.org:8080/a"},
		{"http://y.org:/a", "http://y.org/a"},
		{"http://u:p@y.org/a", "http://y.org/a"},
		{"http://u@y.org:81/a", "http://y.org:81/a"},
		{"http://bücher.example/", "http://xn--bcher-kva.example/"},
		{"http://ＥＸ.org/", "http://ex.org/"},
		{"http://a_b.org/", "http://a_b.org/"},
		{"http://y.org./", "http://y.org./"},
		{"http://0x7f.1/", "http://127.0.0.1/"},
		{"http://2130706433/", "http://127.0.0.1/"},
		{"http://[::1]:80/a", "http://[::1]/a"},
		{"http://%65x.org/", "http://ex.org/"},

		{"https://\u00ad/", ""},
		{"http://f:999999/", ""},
		{"http://f:x/", ""},
		{"http://", ""},
		{"http://a b/", ""},
		{"http://a<b/", ""},
		{"http://1.2.3.4.5/", ""},
		{"http://256.1.1.1/", ""},
		{"http://xn--a/", ""},
		{"data:image/gif;base64,R0", ""},
		{"javascript:void(0)", ""},
		{"java\nscript:void(0)", ""},
		{"mailto:a@b", ""},
		{"ftp://y.org/a", ""},
		{"about:blank", ""},
		{"/" + strings.Repeat("a", maxURLBytes), ""},
		{"/" + strings.Repeat("é", maxURLBytes/3), ""},
	} {
		got, ok := Resolve(address(t, base), tt.ref)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Resolve(%q) = %q, %v; want %q", tt.ref, got, ok, tt.want)
		}
	}
}

// Addresses are resolved against bases of all kinds.
func TestResolveAgainst(t *testing.T) {
	for _, tt := range []struct{ base, ref, want string }{
		{"http://127.0.0.1:8000/a/b", "c", "http://127.0.0.1:8000/a/c"},
		{"http://127.0.0.1:8000/a/b", "http://127.0.0.1:8000/c", "http://127.0.0.1:8000/c"},
		{"http://127.0.0.1:8000/a/b", "//y.org:8000/c", "http://y.org:8000/c"},
		{"http://x.org", "a", "http://x.org/a"},
		{"http://x.org?a", "b", "http://x.org/b"},
		{"https://x.org/a", "//y.org/b", "https://y.org/b"},
		{"https://x.org/a", "http:b", "http://b/"},
		{"http://bücher.example/a", "b", "http://xn--bcher-kva.example/b"},
		{"http://X.ORG:80/a", "b", "http://x.org/b"},
		{"http://x.org/a/%2e%2e/b/c", "d", "http://x.org/b/d"},
		{"file:///a/b", "c", ""},
		{"file:///a/b", "http://x.org/c", "http://x.org/c"},
		{"", "c", ""},
		{"/d/", "http://x.org:81/c", "http://x.org:81/c"},
	} {
		got, ok := Resolve(address(t, tt.base), tt.ref)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Resolve(%q, %q) = %q, %v; want %q", tt.base, tt.ref, got, ok, tt.want)
		}
	}
}

// A query is written in the page's character set.
func TestQueryInThePagesCharacterSet(t *testing.T) {
	for _, tt := range []struct{ charset, src, want string }{
		{"windows-1251", "i.php?n=лиса", "/d/i.php?n=%EB%E8%F1%E0"},
		{"windows-1251", "лиса?n=лиса", "/d/%D0%BB%D0%B8%D1%81%D0%B0?n=%EB%E8%F1%E0"},
		{"windows-1251", `\a?n=лиса`, "/a?n=%EB%E8%F1%E0"},
		{"windows-1251", "?n=狐a", "/d/p.html?n=%26%2329392%3Ba"},
		{"koi8-r", "?лиса", "/d/p.html?%CC%C9%D3%C1"},
		{"shift_jis", "?a=狐+表", "/d/p.html?a=%8C%CF+%95\\"},
		{"gb18030", "?狐", "/d/p.html?%BA%FC"},
		{"utf-8", "?лиса", "/d/p.html?%D0%BB%D0%B8%D1%81%D0%B0"},
		{"utf-16le", "?лиса", "/d/p.html?%D0%BB%D0%B8%D1%81%D0%B0"},
	} {
		enc, err := htmlindex.Get(tt.charset)
		if err != nil {
			t.Fatal(err)
		}
		page := "<img src='" + tt.src + "' alt=x>"
		if tt.charset == "windows-1251" { // which lacks it
			page = strings.ReplaceAll(page, "狐", "&#29392;")
		}
		body, err := enc.NewEncoder().String(page)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Extract([]byte(body), "text/html; charset="+tt.charset, address(t, "http://x.org/d/p.html"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := lines(p), "alt "+tt.want+" | x\n"; got != want {
			t.Errorf("%s, %s: got %q, want %q", tt.charset, tt.src, got, want)
		}
	}
}

// FuzzResolve holds the resolver to the library's answers, and to what an
// address must be for those who ask for it.
func FuzzResolve(f *testing.F) {
	for _, ref := range []string{"a/../b?c#d", "//y.org:80/%2e%2e/a", `\\a\b`, "http://a.b/c|d^e%", "?q='é", "ht\ttp:a", "https://u:p@A.B:443//x/..//"} {
		f.Add("http://x.org/d/p.html?q", ref)
	}
	f.Fuzz(func(t *testing.T, base, ref string) {
		if len(base) > 300 || len(ref) > 300 {
			return
		}
		b, err := url.Parse(base)
		if err != nil {
			return
		}
		got, ok := Resolve(b, ref)
		want := byLibrary(b.String(), strings.ToValidUTF8(ref, "\uFFFD"))
		if got != want || ok != (want != "") {
			t.Fatalf("Resolve(%q, %q) = %q, %v; the library says %q", b, ref, got, ok, want)
		}
		if !ok {
			return
		}
		checkAddress(t, b, got)
		u, err := url.Parse(got)
		if err != nil || u.String() != got {
			t.Errorf("%q is %q for net/url (%v)", got, u, err)
		}
	})
}

// byLibrary is the library's answer, with what Resolve does beyond the standard.
func byLibrary(base, ref string) string {
	u, err := whatwg.ParseRef(base, ref)
	if err != nil {
		if u, err = whatwg.Parse(ref); err != nil {
			return ""
		}
	}
	if u.Scheme() != "http" && u.Scheme() != "https" || u.Hostname() == "" {
		return ""
	}
	if parsed, err := url.Parse(u.Scheme() + "://" + u.Host()); err != nil || parsed.Host != u.Host() {
		return ""
	}
	u.SetUsername("")
	u.SetPassword("")
	path := u.Pathname()
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c == '^':
			b.WriteString("%5E")
		case c == '|':
			b.WriteString("%7C")
		case c == '%' && (i+2 >= len(path) || !hexDigit(path[i+1]) || !hexDigit(path[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	s := u.Scheme() + "://" + u.Host() + b.String()
	if i := strings.IndexByte(u.Href(true), '?'); i >= 0 {
		s += u.Href(true)[i:]
	}
	if len(ref) > maxURLBytes || len(s) > maxURLBytes {
		return ""
	}
	return s
}
