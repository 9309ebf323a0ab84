package alttext

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// lazyAttributes hold the address of an image whose src is a placeholder.
func lazyAttributes() []string {
	return []string{"data-src", "data-original", "data-lazy-src", "data-lazy", "data-lazyload", "data-full-src", "data-img-src", "data-hi-res-src"}
}

func srcsetAttributes() []string {
	return []string{"srcset", "data-srcset", "data-lazy-srcset"}
}

// image adds one candidate for each text of an img element.
func (r *reader) image(n *html.Node, lang string, figure *html.Node) {
	address := r.address(n)
	if address == "" {
		return
	}
	for _, key := range []string{FromAlt, FromTitle, FromAriaLabel} {
		if text, ok := attr(n, key); ok {
			r.add(address, text, key, lang)
		}
	}
	if figure != nil {
		r.add(address, r.caption(figure), FromFigcaption, lang)
	}
}

// address chooses the picture's file: "" when it has none worth fetching.
func (r *reader) address(n *html.Node) string {
	var choices []source
	if p := n.Parent; p != nil && p.DataAtom == atom.Picture {
		for c := p.FirstChild; c != nil; c = c.NextSibling {
			if c.DataAtom == atom.Source && readable(c) {
				choices = append(choices, srcsets(c)...)
			}
		}
	}
	choices = append(choices, srcsets(n)...)
	best, found := source{}, ""
	for _, s := range choices {
		// A width outweighs any density: only with widths are sizes known.
		if found != "" && (s.width < best.width || s.width == best.width && s.density <= best.density) {
			continue
		}
		if target, ok := Resolve(r.base, s.url); ok {
			best, found = s, target
		}
	}
	if found != "" && (best.width > 0 || best.density > 1) {
		return found
	}
	for _, key := range lazyAttributes() {
		if v, ok := attr(n, key); ok {
			if target, ok := Resolve(r.base, v); ok {
				return target
			}
		}
	}
	if found != "" {
		return found
	}
	if tiny(n, "width") && tiny(n, "height") { // a tracking pixel
		return ""
	}
	v, _ := attr(n, "src")
	if strings.TrimSpace(v) == "" { // would resolve to the page itself
		return ""
	}
	target, _ := Resolve(r.base, v)
	return target
}

func tiny(n *html.Node, key string) bool {
	v, ok := attr(n, key)
	if !ok {
		return false
	}
	size, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), "px"), 64)
	return err == nil && size <= 1
}

// readable leaves out sources in formats that an img element beside them
// offers in a plainer one.
func readable(n *html.Node) bool {
	kind, _ := attr(n, "type")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "image/avif", "image/jxl", "image/svg+xml", "image/heic":
		return false
	}
	return true
}

func srcsets(n *html.Node) []source {
	var all []source
	for _, key := range srcsetAttributes() {
		if v, ok := attr(n, key); ok {
			all = append(all, parseSrcset(v)...)
		}
	}
	return all
}

// caption is the text of a figure's figcaption, found once for each figure.
func (r *reader) caption(figure *html.Node) string {
	text, known := r.captions[figure]
	if known {
		return text
	}
	var b strings.Builder
	var visit func(n *html.Node, inside bool)
	visit = func(n *html.Node, inside bool) {
		if b.Len() > maxTextBytes*2 {
			return
		}
		switch {
		case n.Type == html.TextNode && inside:
			b.WriteString(n.Data)
		case n.DataAtom == atom.Template, n.DataAtom == atom.Script, n.DataAtom == atom.Style, n.DataAtom == atom.Figure && n != figure:
			return
		case n.DataAtom == atom.Figcaption:
			inside = true
		}
		if n.Type == html.ElementNode && inside && !inline(n.DataAtom) {
			b.WriteByte(' ')
			defer b.WriteByte(' ')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			visit(c, inside)
		}
	}
	visit(figure, false)
	text = Clean(b.String())
	r.captions[figure] = text
	return text
}

// inline elements do not part words.
func inline(a atom.Atom) bool {
	switch a {
	case atom.A, atom.Abbr, atom.B, atom.Bdi, atom.Cite, atom.Code, atom.Em, atom.I, atom.Mark, atom.Q, atom.S,
		atom.Small, atom.Span, atom.Strong, atom.Sub, atom.Sup, atom.U, atom.Var, atom.Wbr:
		return true
	}
	return false
}
