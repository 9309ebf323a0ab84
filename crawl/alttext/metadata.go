package alttext

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// openGraph reads og:image with the og:image:alt that follows it.
func (r *reader) openGraph(name []byte) {
	content := r.content("content")
	switch strings.ToLower(string(name)) {
	case "og:image", "og:image:url":
		r.image = ""
		if target, ok := r.resolve(content); ok && len(content) > 0 {
			r.image = r.address(target)
		}
	case "og:image:alt":
		r.addDecoded(&r.graph, r.image, content, FromOpenGraph, "")
	}
}

// script keeps the JSON-LD that may speak of pictures until the page's base is
// known.
func (r *reader) script(text []byte) {
	kind, _ := r.value("type")
	kind, _, _ = bytes.Cut(r.decoded(kind), []byte(";"))
	if foldEqual(bytes.TrimSpace(kind), "application/ld+json") && bytes.Contains(text, []byte("ImageObject")) {
		r.scripts = append(r.scripts, text)
	}
}

// jsonLD reads the ImageObjects of JSON-LD scripts, however deep they stand.
func (r *reader) jsonLD() {
	for _, text := range r.scripts {
		var value any
		// A script that is no JSON says nothing; the page's other texts stand.
		if json.Unmarshal(text, &value) == nil {
			r.object(value, 0)
		}
	}
}

// objectDepth bounds how deep JSON-LD is followed.
const objectDepth = 64

func (r *reader) object(value any, depth int) {
	if depth > objectDepth {
		return
	}
	if len(r.linked) >= maxCandidates || len(r.licenses) >= maxCandidates {
		if o, ok := value.(map[string]any); ok && isImageObject(o["@type"]) {
			r.page.Cut.Candidates++
		}
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
	image := ""
	for _, key := range []string{"contentUrl", "url"} { // url alone may be a page
		for _, s := range stringsOf(o[key], "@id", "url") {
			if image == "" && strings.TrimSpace(s) != "" {
				if target, ok := r.resolve([]byte(s)); ok {
					image = r.address(target)
				}
			}
		}
	}
	if image == "" {
		return
	}
	if r.licenses[image] == "" {
		for _, s := range stringsOf(o["license"], "@id", "url") {
			if license, ok := r.resolve([]byte(s)); ok && strings.TrimSpace(s) != "" {
				r.licenses[image] = r.address(license)
				break
			}
		}
	}
	lang := r.page.Language
	if l := stringsOf(o["inLanguage"], "@value"); len(l) > 0 {
		lang = languageTag(l[0])
	}
	for _, key := range []string{"caption", "name", "description"} {
		for _, text := range stringsOf(o[key], "@value") {
			r.addDecoded(&r.linked, image, []byte(text), FromJSONLD, lang)
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
