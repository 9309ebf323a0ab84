//go:build ignore

// Command site picks pages with pictures out of unpacked Sphinx documentation
// and writes them as the small site that tests and the demo crawl. See
// site/README.md for how it chooses; site.sh calls it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

const (
	maxPicture = 36 << 10 // bytes; larger ones are left out, and their img with them
	maxPages   = 24       // of one documentation

	galleryPage = "auto_examples/index.html"
)

// page is one candidate: its slimmed tree and the pictures on it.
type page struct {
	name  string // slash path under the documentation's root
	tree  *html.Node
	size  int
	good  []string // pictures with an alt of real words, as slash paths
	taken bool
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "site", "folder to write")
	budget := flag.Int("budget", 2_200_000, "bytes for one documentation, pages and pictures")
	flag.Parse()
	var names []string
	for _, arg := range flag.Args() {
		name, root, ok := strings.Cut(arg, "=")
		if !ok {
			log.Fatalf("%s: want name=folder", arg)
		}
		if err := build(root, filepath.Join(*out, name), *budget); err != nil {
			log.Fatal(err)
		}
		names = append(names, name)
	}
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Documentation</title></head><body>\n<h1>Documentation</h1>\n<ul>\n")
	for _, n := range names {
		fmt.Fprintf(&b, "<li><a href=\"%s/auto_examples/index.html\">%s</a></li>\n", n, n)
	}
	b.WriteString("</ul>\n</body></html>\n")
	if err := os.WriteFile(filepath.Join(*out, "index.html"), b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

func build(root, out string, budget int) error {
	pages, err := readPages(root)
	if err != nil {
		return err
	}
	sizes := map[string]int{}
	// cost leaves the gallery's thumbnails out: they come with its page.
	var gallery *page
	cost := func(p *page) (fresh, bytes int) {
		bytes = p.size
		for _, pic := range p.good {
			if _, ok := sizes[pic]; !ok && !slices.Contains(gallery.good, pic) {
				if n := fileSize(root, pic); n <= maxPicture {
					fresh++
					bytes += n
				}
			}
		}
		return fresh, bytes
	}
	used, chosen := 0, 0
	take := func(p *page) {
		_, b := cost(p)
		used += b
		chosen++
		p.taken = true
		for _, pic := range p.good {
			if n := fileSize(root, pic); n <= maxPicture && !slices.Contains(gallery.good, pic) {
				sizes[pic] = n
			}
		}
	}
	// The gallery's own page links the examples, so it is always taken.
	for _, p := range pages {
		if p.name == galleryPage {
			gallery = p
			p.taken = true
			used += p.size
			chosen++
		}
	}
	if gallery == nil {
		return fmt.Errorf("%s: no %s", root, galleryPage)
	}
	for chosen < maxPages {
		var best *page
		var bestScore float64
		for _, p := range pages {
			fresh, b := cost(p)
			if p.taken || fresh == 0 || used+b > budget {
				continue
			}
			if score := float64(fresh) / float64(b); score > bestScore {
				best, bestScore = p, score
			}
		}
		if best == nil {
			break
		}
		take(best)
	}
	// What is left of the budget goes to thumbnails, smallest first.
	slices.SortFunc(gallery.good, func(a, b string) int {
		sa, sb := fileSize(root, a), fileSize(root, b)
		if sa != sb {
			return sa - sb
		}
		return strings.Compare(a, b)
	})
	for _, pic := range gallery.good {
		if n := fileSize(root, pic); n <= maxPicture && used+n <= budget {
			if _, ok := sizes[pic]; !ok {
				sizes[pic] = n
				used += n
			}
		}
	}
	return write(root, out, pages, sizes)
}

func fileSize(root, name string) int {
	fi, err := os.Stat(filepath.Join(root, name))
	if err != nil {
		return 1 << 30
	}
	return int(fi.Size())
}

func readPages(root string) ([]*page, error) {
	var pages []*page
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".html") {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		tree, err := html.Parse(bytes.NewReader(b))
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		p := &page{name: filepath.ToSlash(rel), tree: tree}
		slim(tree)
		var text bytes.Buffer
		if err := html.Render(&text, tree); err != nil {
			return err
		}
		p.size = text.Len()
		if p.name == galleryPage {
			p.size /= 3 // most of its entries will go
		}
		each(tree, func(n *html.Node) {
			if n.Type == html.ElementNode && n.Data == "img" && realWords(attr(n, "alt")) {
				if src := local(p.name, attr(n, "src")); src != "" && !slices.Contains(p.good, src) {
					p.good = append(p.good, src)
				}
			}
		})
		pages = append(pages, p)
		return nil
	})
	return pages, err
}

var dropped = []string{"script", "style", "link", "form", "iframe", "nav", "footer", "noscript", "svg", "pre", "input"}

var droppedClass = regexp.MustCompile(`\b(sphinxsidebar|sk-sidebar\S*|sk-toc\S*|sphx-glr-footer|sphx-glr-download\S*|sphx-glr-signature|sidebar\S*|headerlink|binder-badge|sphx-glr-script-out)\b`)

// slim drops what a crawler has no use for, and code, which is most of the bytes.
func slim(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		switch {
		case c.Type == html.CommentNode,
			c.Type == html.ElementNode && c.Data == "meta" && attr(c, "property") != "", // og:image names another host
			c.Type == html.ElementNode && (slices.Contains(dropped, c.Data) || droppedClass.MatchString(attr(c, "class"))):
			n.RemoveChild(c)
		default:
			slim(c)
		}
		c = next
	}
}

// realWords tells a phrase from the file name that Sphinx falls back to.
func realWords(alt string) bool {
	return len(strings.Fields(alt)) >= 2 && !strings.HasPrefix(alt, "plot ") && !strings.ContainsAny(alt, "/_")
}

// local resolves an address on page to a path under the root; "" when it leads
// elsewhere.
func local(page, ref string) string {
	u, err := url.Parse(ref)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" {
		return ""
	}
	p := path.Join(path.Dir(page), u.Path)
	if strings.HasPrefix(p, "..") {
		return ""
	}
	return p
}

func each(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, f)
	}
}

func linked(n *html.Node) bool {
	found := false
	each(n, func(n *html.Node) { found = found || n.Data == "a" && attr(n, "href") != "" })
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// write copies the pictures and the pages that were taken. Links to pages that
// were not, and all links to other hosts, lose their href, so that a crawl of
// the site never leaves the machine.
func write(root, out string, pages []*page, pictures map[string]int) error {
	taken := map[string]bool{}
	for _, p := range pages {
		taken[p.name] = p.taken
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	save := func(name string, b []byte) error {
		file := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, b, 0o644)
	}
	total, count := 0, 0
	for _, p := range pages {
		if !p.taken {
			continue
		}
		var gone []*html.Node
		each(p.tree, func(n *html.Node) {
			switch {
			case n.Type == html.ElementNode && n.Data == "a":
				n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool {
					return a.Key == "href" && !strings.HasPrefix(a.Val, "#") && !taken[local(p.name, a.Val)]
				})
			case n.Type == html.ElementNode && n.Data == "img":
				n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "srcset" })
				if _, ok := pictures[local(p.name, attr(n, "src"))]; !ok {
					gone = append(gone, n)
				}
			}
		})
		for _, n := range gone {
			// An entry of the gallery goes with its thumbnail, unless it is the
			// way to a page.
			top := n
			for up := n; up != nil; up = up.Parent {
				if strings.Contains(attr(up, "class"), "sphx-glr-thumbcontainer") && !linked(up) {
					top = up
				}
			}
			if top.Parent != nil {
				top.Parent.RemoveChild(top)
			}
		}
		var b bytes.Buffer
		if err := html.Render(&b, p.tree); err != nil {
			return err
		}
		text := blank.ReplaceAll(trailing.ReplaceAll(b.Bytes(), []byte("\n")), []byte("\n"))
		total += len(text)
		count++
		if err := save(p.name, append(bytes.TrimSpace(text), '\n')); err != nil {
			return err
		}
	}
	for pic, n := range pictures {
		b, err := os.ReadFile(filepath.Join(root, pic))
		if err != nil {
			return err
		}
		if err := save(pic, b); err != nil {
			return err
		}
		total += n
	}
	fmt.Printf("%s: %d pages, %d pictures, %d bytes\n", out, count, len(pictures), total)
	return nil
}

var (
	trailing = regexp.MustCompile(`[ \t]+\n`)
	blank    = regexp.MustCompile(`\n{2,}`)
)
