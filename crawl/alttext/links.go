package alttext

import (
	"bytes"
	"slices"

	"github.com/pairloom/pairloom/crawl/optout"
)

// follow adds a resolved link and returns its place; -1 when there is no room.
func (r *reader) follow(target []byte) int {
	if at, ok := r.links[string(target)]; ok {
		return at
	}
	at := len(r.page.Links)
	if at >= maxLinks {
		return -1
	}
	s := r.keeper.keep(target)
	r.links[s] = at
	r.page.Links = append(r.page.Links, Link{URL: s})
	return at
}

// leads tells whether the link at hand is of use, and counts one that comes too
// late.
func (r *reader) leads() bool {
	if r.noLinks || r.page.NoFollow {
		return false
	}
	if len(r.page.Links) >= maxLinks {
		r.page.Cut.Links++
		return false
	}
	return true
}

// a takes in an a element: its text is that of the link.
func (r *reader) a() {
	href, ok := r.value("href")
	if !ok {
		return
	}
	rel, _ := r.value("rel")
	if len(rel) > 0 {
		if r.license == "" && hasWord(rel, "license") {
			if target, ok := r.resolve(r.decoded(href)); ok {
				r.license = r.keeper.keep(target)
			}
		}
		if hasWord(rel, "nofollow") {
			return
		}
	}
	if !r.leads() {
		return
	}
	if target, ok := r.resolve(r.decoded(href)); ok {
		if at := r.follow(target); at >= 0 && r.page.Links[at].Text == "" {
			r.anchor = at
		}
	}
}

func (r *reader) area() {
	href, ok := r.value("href")
	rel, _ := r.value("rel")
	if !ok || hasWord(rel, "nofollow") || !r.leads() {
		return
	}
	if target, ok := r.resolve(r.decoded(href)); ok {
		at := r.follow(target)
		if alt, _ := r.value("alt"); at >= 0 && r.page.Links[at].Text == "" && len(alt) > 0 {
			r.page.Links[at].Text = r.keeper.keep(short(r.cleaned(r.decoded(alt))))
		}
	}
}

// frame follows frame and iframe elements.
func (r *reader) frame() {
	if src := r.content("src"); len(src) > 0 && r.leads() {
		if target, ok := r.resolve(src); ok {
			r.follow(target)
		}
	}
}

// maxFeeds bounds Page.Feeds.
const maxFeeds = 100

// link takes in a link element: licence, canonical address, feeds.
func (r *reader) link() {
	rel, _ := r.value("rel")
	href, ok := r.value("href")
	if !ok || len(rel) == 0 {
		return
	}
	license := r.license == "" && hasWord(rel, "license")
	canonical := r.page.Canonical == "" && hasWord(rel, "canonical")
	feed := !r.noLinks && hasWord(rel, "alternate") && r.isFeed()
	if feed && len(r.page.Feeds) >= maxFeeds {
		r.page.Cut.Links++
		feed = false
	}
	if !license && !canonical && !feed {
		return
	}
	target, ok := r.resolve(r.decoded(href))
	if !ok {
		return
	}
	if license {
		r.license = r.keeper.keep(target)
	}
	if canonical {
		r.page.Canonical = r.keeper.keep(target)
		if r.leads() {
			r.canonical = r.follow(target)
		}
	}
	if feed {
		for _, known := range r.page.Feeds {
			if known == string(target) {
				return
			}
		}
		r.page.Feeds = append(r.page.Feeds, r.keeper.keep(target))
	}
}

func (r *reader) isFeed() bool {
	kind, _ := r.value("type")
	kind, _, _ = bytes.Cut(kind, []byte(";"))
	kind = bytes.TrimSpace(kind)
	return foldEqual(kind, "application/rss+xml") || foldEqual(kind, "application/atom+xml")
}

// meta takes in a meta element: opt-outs, a refresh, Open Graph.
func (r *reader) meta() {
	if pragma := r.content("http-equiv"); foldEqual(pragma, "refresh") && r.leads() {
		content, _ := r.value("content")
		if ref, ok := refreshTarget(string(r.decoded(content))); ok {
			if target, ok := r.resolve([]byte(ref)); ok {
				r.follow(target)
			}
		}
	}
	name := r.content("name")
	if len(name) > 0 {
		r.wishes(name)
	}
	property, ok := r.value("property")
	if ok {
		name = bytes.TrimSpace(r.decoded(property))
	}
	if len(name) > 3 && foldEqual(name[:3], "og:") {
		r.openGraph(name)
	}
}

const (
	// maxWishes bounds how many opt-outs are kept with their words and places; all
	// are in each of the page's records. Beyond it only words that are new count.
	maxWishes = 64
	// maxAsking bounds how many meta elements that ask for something are read.
	maxAsking = 256
)

// wishes reads the page's opt-outs.
func (r *reader) wishes(name []byte) {
	if r.asking == maxAsking {
		return
	}
	wishes, noFollow := optout.Meta(string(name), string(r.content("content")), r.agent)
	for _, w := range wishes {
		if len(r.page.Wishes) < maxWishes || !slices.ContainsFunc(r.page.Wishes, func(known optout.Wish) bool { return known.Word == w.Word }) {
			r.page.Wishes = append(r.page.Wishes, w)
		}
	}
	r.page.NoFollow = r.page.NoFollow || noFollow
	if len(wishes) > 0 || noFollow {
		r.asking++
	}
}

// hasWord looks for a lower-case word in a list parted by space.
func hasWord(list []byte, word string) bool {
	for len(list) >= len(word) {
		for len(list) > 0 && isSpace(list[0]) {
			list = list[1:]
		}
		end := 0
		for end < len(list) && !isSpace(list[end]) {
			end++
		}
		if foldEqual(list[:end], word) {
			return true
		}
		list = list[end:]
	}
	return false
}
