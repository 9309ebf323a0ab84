package alttext

import (
	"bytes"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// flattenDepth bounds the figures and pictures that flatten leaves nested.
const flattenDepth = 64

// flatten rewrites a page without the elements that only nest. The parser
// gives up on a page whose markup is more than 512 deep; its images are as good
// as any.
func flatten(text []byte) []byte {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(text))
	var templates, captions int
	var open []atom.Atom // figure, figcaption and picture
	script := false
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		t := z.Token()
		if t.DataAtom == atom.Template {
			switch kind {
			case html.StartTagToken:
				templates++
			case html.EndTagToken:
				templates = max(0, templates-1)
			}
			continue
		}
		if templates > 0 {
			continue
		}
		switch kind {
		case html.TextToken:
			if script {
				out.WriteString(t.Data)
			} else if captions > 0 {
				out.WriteString(html.EscapeString(t.Data))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			switch t.DataAtom {
			case atom.Html, atom.Img, atom.Source, atom.Meta, atom.Link, atom.Base:
				out.WriteString(t.String())
			case atom.A, atom.Area:
				out.WriteString(t.String())
				out.WriteString("</a>")
			case atom.Frame, atom.Iframe: // a frame stands only in a frameset
				t.Type, t.DataAtom, t.Data = html.StartTagToken, atom.Iframe, "iframe"
				out.WriteString(t.String())
				out.WriteString("</iframe>")
			case atom.Script:
				script = kind == html.StartTagToken
				out.WriteString(t.String())
			case atom.Figure, atom.Figcaption, atom.Picture:
				if len(open) >= flattenDepth {
					continue
				}
				open = append(open, t.DataAtom)
				if t.DataAtom == atom.Figcaption {
					captions++
				}
				t.Type = html.StartTagToken
				out.WriteString(t.String())
			default:
				if captions > 0 && !inline(t.DataAtom) {
					out.WriteByte(' ')
				}
			}
		case html.EndTagToken:
			switch t.DataAtom {
			case atom.Script:
				script = false
				out.WriteString("</script>")
			case atom.Figure, atom.Figcaption, atom.Picture:
				if len(open) > 0 && open[len(open)-1] == t.DataAtom {
					open = open[:len(open)-1]
					if t.DataAtom == atom.Figcaption {
						captions--
					}
					out.WriteString(t.String())
				}
			}
		}
	}
	return out.Bytes()
}
