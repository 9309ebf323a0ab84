package browse

import (
	"bytes"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/internal/fold"
)

// ask is what is searched for: the words of the search field, read once.
type ask struct {
	Text  string // as it was written
	terms []term
}

// term is one word, phrase or condition. All must hold.
type term struct {
	key, value string // key is "" for words
	not        bool
}

// The conditions that the search field knows.
const (
	keyHost   = "host"   // of the page or the picture, with its subdomains
	keyQuery  = "query"  // one of the pair's queries
	keyReason = "reason" // of a drop; of pictures that were not fetched the status too
	keyIs     = "is"     // training, held-out, kept (both), dropped, waiting, or any
	keyLike   = "like"   // a pair's id: pairs near to it in meaning
	keyCopies = "copies" // a pair's id: it, what it was dropped for, and its other copies
)

var keys = []string{keyHost, keyQuery, keyReason, keyIs, keyLike, keyCopies}

// What is: takes beside what a pair can be.
const (
	isKept = "kept" // for training, or held out
	isAny  = "any"
)

// parseAsk reads the search field: words separated by spaces, phrases in quotes,
// conditions as key:value or key:"several words", and "-" before what must not hold. What
// is no condition is words.
func parseAsk(text string) ask {
	a := ask{Text: strings.TrimSpace(text)}
	for rest := a.Text; rest != ""; rest = strings.TrimLeft(rest, " \t\n\r") {
		var t term
		if len(rest) > 1 && rest[0] == '-' {
			t.not, rest = true, rest[1:]
		}
		if key, value, ok := strings.Cut(rest, ":"); ok && slices.Contains(keys, key) {
			t.key, rest = key, value
		}
		end := strings.IndexAny(rest, " \t\n\r")
		if strings.HasPrefix(rest, `"`) {
			rest = rest[1:]
			end = strings.IndexByte(rest, '"')
			if t.key == "" {
				t.key = phrase
			}
		}
		if end < 0 {
			end = len(rest)
		}
		t.value = rest[:end]
		if rest = rest[end:]; strings.HasPrefix(rest, `"`) {
			rest = rest[1:]
		}
		if t.value != "" {
			a.terms = append(a.terms, t)
		}
	}
	return a
}

// phrase is the key of words in quotes: whole words, one after the other.
const phrase = `"`

func (t term) String() string {
	var b strings.Builder
	if t.not {
		b.WriteByte('-')
	}
	if t.key != phrase && t.key != "" {
		b.WriteString(t.key + ":")
	}
	if t.key == phrase || strings.ContainsAny(t.value, " \t") {
		return b.String() + `"` + t.value + `"`
	}
	return b.String() + t.value
}

// with is the search with one more condition in place of others of its key; "" takes
// them away.
func (a ask) with(key, value string) string {
	var words []string
	for _, t := range a.terms {
		if t.key != key {
			words = append(words, t.String())
		}
	}
	if value != "" {
		words = append(words, term{key: key, value: value}.String())
	}
	return strings.Join(words, " ")
}

// without is the search without term number i.
func (a ask) without(i int) string {
	var words []string
	for j, t := range a.terms {
		if j != i {
			words = append(words, t.String())
		}
	}
	return strings.Join(words, " ")
}

// value is that of the first condition with the key.
func (a ask) value(key string) string {
	for _, t := range a.terms {
		if t.key == key && !t.not {
			return t.value
		}
	}
	return ""
}

// words are the words and phrases as they stand, for a search by meaning.
func (a ask) words() string {
	var words []string
	for _, t := range a.terms {
		if (t.key == "" || t.key == phrase) && !t.not {
			words = append(words, t.value)
		}
	}
	return strings.Join(words, " ")
}

// search is the address of the pairs that a search finds.
func search(ask string) string {
	if ask == "" {
		return "/"
	}
	return "/?q=" + url.QueryEscape(ask)
}

// filter tells of single pairs whether a search finds them.
type filter struct {
	x        *index
	verdicts []bool     // by number of verdict
	hosts    [][]bool   // of each condition: by number of host
	noHosts  [][]bool   // the same of those that must not hold
	queries  [][]uint32 // of each condition: the ids with that name
	noQuery  [][]uint32
	has, not [][]byte // patterns of the text, the longest first
	clusters []int    // the pair is in each of them
	never    bool     // a condition that nothing meets
}

// newFilter makes the search's conditions ready. With meaning, words are left to the
// vectors.
func (x *index) newFilter(a ask, meaning bool) *filter {
	f := &filter{x: x, verdicts: make([]bool, len(x.verdicts))}
	is := x.effective(a)
	for i, v := range x.verdicts {
		f.verdicts[i] = is == isAny || v.Is == is || is == isKept && (v.Is == isTraining || v.Is == isHeldOut)
	}
	for _, t := range a.terms {
		switch t.key {
		case keyIs:
			for i, v := range x.verdicts {
				f.verdicts[i] = f.verdicts[i] && !(t.not && v.Is == t.value)
			}
		case keyReason:
			for i, v := range x.verdicts {
				f.verdicts[i] = f.verdicts[i] && v.because(t.value) != t.not
			}
		case keyHost:
			if set := x.hostsIn(t.value); t.not {
				f.noHosts = append(f.noHosts, set)
			} else {
				f.hosts = append(f.hosts, set)
			}
		case keyQuery:
			if ids := x.queriesNamed(t.value); t.not {
				f.noQuery = append(f.noQuery, ids)
			} else {
				f.queries = append(f.queries, ids)
			}
		case keyCopies:
			id, err := strconv.ParseUint(t.value, 16, 64)
			e, known := x.find(id)
			n, inside := x.inside[e]
			if f.never = f.never || err != nil || !known || !inside; !f.never {
				f.clusters = append(f.clusters, n)
			}
		case "", phrase:
			if meaning && !t.not {
				continue
			}
			p := pattern(t)
			switch {
			case t.not && p != nil:
				f.not = append(f.not, p)
			case !t.not && p == nil:
				f.never = true
			case !t.not:
				f.has = append(f.has, p)
			}
		}
	}
	slices.SortStableFunc(f.has, func(a, b []byte) int { return len(b) - len(a) })
	return f
}

// effective is the is: of a search that names none: kept pairs, or with a reason dropped
// ones.
func (x *index) effective(a ask) string {
	switch is := a.value(keyIs); {
	case is != "":
		return is
	case a.value(keyReason) != "":
		return isDropped
	case a.value(keyCopies) != "", x.finished == 0:
		return isAny
	}
	return isKept
}

// because tells whether the reason is that, or the status behind it.
func (v verdict) because(reason string) bool {
	whole, status, _ := strings.Cut(v.Reason, "/")
	return v.Reason == reason || whole == reason || status != "" && status == reason
}

// pattern is a word or phrase as the index has texts: the last word of one that is not
// quoted may go on. It is nil for signs that are no words.
func pattern(t term) []byte {
	folded, edges := fold.Cut(nil, nil, t.value)
	if len(edges) == 0 {
		return nil
	}
	p := appendWords(nil, folded, edges)
	p = p[:len(p)-1]
	if t.key != phrase {
		p = p[:len(p)-1]
	}
	return p
}

// hostsIn tells of each host whether it is the one named or lies under it.
func (x *index) hostsIn(name string) []bool {
	name = strings.ToLower(name)
	set := make([]bool, len(x.hosts))
	for i, h := range x.hosts {
		bare, _, _ := strings.Cut(h.Name, ":")
		set[i] = h.Name == name || bare == name || strings.HasSuffix(h.Name, "."+name) || strings.HasSuffix(bare, "."+name)
	}
	return set
}

// queriesNamed are the ids of the queries with that name, in any case.
func (x *index) queriesNamed(name string) []uint32 {
	var ids []uint32
	for id, n := range x.names {
		if strings.EqualFold(n.Name, name) {
			ids = append(ids, id)
		}
	}
	return ids
}

// meets tells whether the pair meets all conditions but those of its verdict and the
// texts' first pattern.
func (f *filter) meets(e entry) bool {
	x := f.x
	if f.never {
		return false
	}
	for _, c := range f.clusters {
		if n, inside := x.inside[e]; !inside || n != c {
			return false
		}
	}
	for _, set := range f.hosts {
		if !set[x.page[e]] && !set[x.image[e]] {
			return false
		}
	}
	for _, set := range f.noHosts {
		if set[x.page[e]] || set[x.image[e]] {
			return false
		}
	}
	if len(f.queries)+len(f.noQuery) > 0 {
		of := x.queriesOf(e)
		among := func(ids []uint32) bool {
			return slices.ContainsFunc(of, func(q uint32) bool { return slices.Contains(ids, q) })
		}
		if slices.ContainsFunc(f.queries, func(ids []uint32) bool { return !among(ids) }) || slices.ContainsFunc(f.noQuery, among) {
			return false
		}
	}
	text := x.texts[x.textAt[e]:x.textAt[e+1]]
	for _, p := range f.has[min(1, len(f.has)):] {
		if !bytes.Contains(text, p) {
			return false
		}
	}
	for _, p := range f.not {
		if bytes.Contains(text, p) {
			return false
		}
	}
	return true
}

// all lists the pairs that the search finds, in order of the index: those of the shards
// as they lie there, then the others by the address of their picture. counts has for each
// verdict how many there are but for the conditions of what pairs are and why. Texts
// are gone through as one run of bytes, for the longest pattern.
func (f *filter) all() (found []entry, counts []int) {
	x := f.x
	counts = make([]int, len(x.verdicts))
	for e := 0; e < x.len(); e++ {
		if len(f.has) > 0 {
			at := bytes.Index(x.texts[x.textAt[e]:], f.has[0])
			if at < 0 {
				break
			}
			at += int(x.textAt[e])
			e += sort.Search(x.len()-e, func(i int) bool { return int(x.textAt[e+i+1]) > at })
		}
		if f.meets(entry(e)) {
			v := x.verdict[e]
			counts[v]++
			if f.verdicts[v] {
				found = append(found, entry(e))
			}
		}
	}
	return found, counts
}

// finds tells of one pair whether the search finds it.
func (f *filter) finds(e entry) bool {
	x := f.x
	return f.verdicts[x.verdict[e]] && f.meets(e) && (len(f.has) == 0 || bytes.Contains(x.texts[x.textAt[e]:x.textAt[e+1]], f.has[0]))
}
