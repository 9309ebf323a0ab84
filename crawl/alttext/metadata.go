package alttext

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// openGraph reads og:image with the og:image:alt that follows it.
func (r *reader) openGraph(doc *goquery.Document) {
	image := ""
	visible(doc.Find("meta[property], meta[name]")).Each(func(_ int, s *goquery.Selection) {
		content := s.AttrOr("content", "")
		switch strings.ToLower(strings.TrimSpace(s.AttrOr("property", s.AttrOr("name", "")))) {
		case "og:image", "og:image:url":
			image, _ = Resolve(r.base, content)
			if strings.TrimSpace(content) == "" {
				image = ""
			}
		case "og:image:alt":
			r.add(image, content, FromOpenGraph, r.page.Language)
		}
	})
}

// jsonLD reads the ImageObjects of JSON-LD scripts, however deep they stand.
func (r *reader) jsonLD(doc *goquery.Document) {
	visible(doc.Find("script[type]")).Each(func(_ int, s *goquery.Selection) {
		kind, _, _ := strings.Cut(s.AttrOr("type", ""), ";")
		if !strings.EqualFold(strings.TrimSpace(kind), "application/ld+json") {
			return
		}
		var value any
		// A script that is no JSON says nothing; the page's other texts stand.
		if json.Unmarshal([]byte(s.Text()), &value) == nil {
			r.object(value, 0)
		}
	})
}

// objectDepth bounds how deep JSON-LD is followed.
const objectDepth = 64

func (r *reader) object(value any, depth int) {
	if depth > objectDepth {
		return
	}
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			r.object(e, depth+1)
		}
	case map[string]any:
		if isImageObject(v["@type"]) {
			r.imageObject(v)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			r.object(v[key], depth+1)
		}
	}
}

func isImageObject(kind any) bool {
	return slices.ContainsFunc(stringsOf(kind, "@id"), func(s string) bool {
		return s[strings.LastIndexAny(s, "/#:")+1:] == "ImageObject"
	})
}

func (r *reader) imageObject(o map[string]any) {
	var image string
	for _, key := range []string{"contentUrl", "url"} { // url alone may be a page
		for _, s := range stringsOf(o[key], "@id", "url") {
			if image == "" && strings.TrimSpace(s) != "" {
				image, _ = Resolve(r.base, s)
			}
		}
	}
	if image == "" {
		return
	}
	if r.licenses[image] == "" {
		for _, s := range stringsOf(o["license"], "@id", "url") {
			if license, ok := Resolve(r.base, s); ok && strings.TrimSpace(s) != "" {
				r.licenses[image] = license
				break
			}
		}
	}
	lang := r.page.Language
	if l := stringsOf(o["inLanguage"], "@value"); len(l) > 0 {
		lang = language(l[0])
	}
	for _, key := range []string{"caption", "name", "description"} {
		for _, text := range stringsOf(o[key], "@value") {
			r.add(image, text, FromJSONLD, lang)
		}
	}
}

// stringsOf reads a string, a list of them, or objects that hold one under one
// of keys.
func stringsOf(value any, keys ...string) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			if _, nested := e.([]any); !nested {
				all = append(all, stringsOf(e, keys...)...)
			}
		}
		return all
	case map[string]any:
		for _, key := range keys {
			if s, ok := v[key].(string); ok {
				return []string{s}
			}
		}
	}
	return nil
}
