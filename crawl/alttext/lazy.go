package alttext

import (
	"bytes"
	"strings"
)

// knownSrcset tells the attributes that hold a srcset.
func knownSrcset(name []byte) bool {
	switch string(name) {
	case "srcset", "data-srcset", "data-lazy-srcset":
		return true
	}
	return false
}

// knownLazy is the address in an attribute that holds nothing else on any site:
// it wins over whatever src says, which may be the same picture in few pixels.
func (r *reader) knownLazy() string {
	for _, key := range [...]string{"data-src", "data-original", "data-lazy-src", "data-lazy", "data-lazyload", "data-full-src", "data-img-src", "data-hi-res-src"} {
		if v := r.content(key); len(v) > 0 {
			if target, ok := r.resolve(v); ok {
				return r.address(target)
			}
		}
	}
	return ""
}

// lazy is the address that any data- attribute holds, for a picture whose src
// is a placeholder: the largest of those whose names end in srcset, else the
// first of the most telling ones; "" for none.
//
// A value is a picture's address when its path ends as a picture's does, or when
// the attribute's name says so and the value begins with a slash or http and has
// no other ending. An address that is a placeholder's by its name is none.
func (r *reader) lazy() string {
	var best choice
	rank, found := 0, ""
	for i := range r.attrs {
		name := r.attrs[i].name
		if len(name) <= 5 || string(name[:5]) != "data-" {
			continue
		}
		if bytes.Contains(name, []byte("srcset")) {
			if beyond := r.weigh(&best, r.attrs[i].value); !knownSrcset(name) { // else it was counted
				r.page.Cut.Sources += beyond
			}
			continue
		}
		v := bytes.TrimSpace(r.decoded(r.attrs[i].value))
		n := telling(string(name[5:]), v)
		if n <= rank {
			continue
		}
		if target, ok := r.resolve(v); ok && !placeholderName(string(target)) {
			rank, found = n, r.address(target)
		}
	}
	if best.target != "" && !placeholderName(best.target) {
		return best.target
	}
	return found
}

// telling ranks an attribute; 0 is no address of a picture.
func telling(name string, value []byte) int {
	if len(value) == 0 || len(value) > maxURLBytes || bytes.ContainsAny(value, "{}<>\"\n") || value[0] == '#' {
		return 0
	}
	n := 0
	switch ending(string(value)) {
	case picturesEnding:
		n = 3
	case noEnding:
		if value[0] != '/' && !bytes.HasPrefix(value, []byte("http")) || bytes.ContainsAny(value, " \t") || !says(name, "src", "original", "lazy", "image", "img", "source", "file", "photo", "picture") {
			return 0
		}
		n = 2
	default:
		return 0
	}
	switch {
	case says(name, "thumb", "thumbnail", "small", "medium", "preview", "hover", "avatar", "placeholder", "fallback", "error", "low", "tiny", "blur"):
		n--
	case says(name, "src", "original", "orig", "large", "full", "lazy", "hires"):
		n++
	}
	return n
}

// says tells whether one of the words stands in an attribute's name.
func says(name string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// What an address ends in.
const (
	noEnding = iota
	picturesEnding
	otherEnding
)

// ending looks at the end of an address's path.
func ending(address string) int {
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		address = address[:i]
	}
	name := address[strings.LastIndexByte(address, '/')+1:]
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || len(name)-dot > 6 {
		return noEnding
	}
	switch strings.ToLower(name[dot+1:]) {
	case "jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "avif", "bmp", "tif", "tiff", "svg", "heic", "jxl":
		return picturesEnding
	case "php", "aspx", "ashx", "cgi", "jsp", "do":
		return noEnding // may send anything
	}
	return otherEnding
}

// placeholderName tells by the name of its file whether an absolute address is
// that of a placeholder, which stands where a picture will be: blank.gif,
// 1x1.png, lazy-loader.svg. What is a common word is one only when it is all the
// name of a small kind of file.
func placeholderName(address string) bool {
	if i := strings.IndexByte(address, '?'); i >= 0 {
		address = address[:i]
	}
	name := strings.ToLower(address[strings.LastIndexByte(address, '/')+1:])
	kind := ""
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		name, kind = name[:dot], name[dot+1:]
	}
	if kind == "gif" || kind == "svg" || kind == "png" {
		switch name {
		case "pixel", "clear", "empty", "grey", "gray", "white", "dummy", "trans", "transp", "lazy", "default",
			"dot", "bg", "s", "p", "x", "t", "b", "0", "1", "none", "shim", "space", "fff", "ffffff":
			return true
		}
	}
	for word := range strings.FieldsFuncSeq(name, func(c rune) bool { return c == '-' || c == '_' || c == '.' || c == '%' || c == '@' || c == '~' }) {
		switch word {
		case "blank", "spacer", "placeholder", "1x1", "1px", "loading", "loader", "lazyload", "lazyloader", "lazyloading",
			"spinner", "preloader", "preload", "transparent", "ajaxloader", "noimage":
			return true
		}
	}
	return false
}

// manyAlts different alts make an address one that stands for many pictures.
const manyAlts = 4

// placed is a text at an address.
type placed struct{ image, text string }

// placeholders finds the addresses whose candidates are dropped: those that
// carry manyAlts or more different alts on the page. Such are placeholders that
// nothing replaced, and logos and avatars, of which no alt tells what is to be
// seen. A page that shows one picture alone keeps it, unless it is a placeholder
// by its name.
//
// Dropped too are single alts of an address that is a placeholder by its name,
// when another picture has the same: what stands in noscript beside it, above all.
func (r *reader) placeholders() (addresses map[string]bool, alts map[placed]bool) {
	if len(r.entries) < 2 {
		return nil, nil
	}
	r.alts = emptied(r.alts)
	named := 0
	for _, e := range r.entries {
		if e.source != FromAlt {
			continue
		}
		// The texts of an address differ: repeats were left out.
		r.alts[e.image]++
		switch r.alts[e.image] {
		case 1:
			if placeholderName(e.image) {
				named++
			}
		case manyAlts:
			if addresses == nil {
				addresses = map[string]bool{}
			}
			addresses[e.image] = true
		}
	}
	if len(addresses) == 1 && r.alone() && !placeholderName(r.entries[0].image) {
		addresses = nil
	}
	if named == 0 || named == len(r.alts) {
		return addresses, nil
	}
	others := map[string]bool{} // alts of pictures
	for _, e := range r.entries {
		if e.source == FromAlt && !placeholderName(e.image) {
			others[e.text] = true
		}
	}
	alts = map[placed]bool{}
	for _, e := range r.entries {
		if e.source == FromAlt && others[e.text] && placeholderName(e.image) {
			alts[placed{e.image, e.text}] = true
		}
	}
	return addresses, alts
}

// alone tells whether the page shows one picture, and offers no other.
func (r *reader) alone() bool {
	for _, list := range [][]entry{r.entries, r.graph, r.linked} {
		for _, e := range list {
			if e.image != r.entries[0].image || e.instead != "" {
				return false
			}
		}
	}
	return true
}
