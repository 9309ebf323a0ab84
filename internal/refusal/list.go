package refusal

import (
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// List decides. The zero value refuses nothing, nor does nil.
type List struct {
	Entries []Entry // each once, in the order in which they were given
	Faults  []Fault // lines that are none

	addresses map[string]int32 // by what follows the scheme
	hosts     map[site]int32
	pairs     map[uint64]int32
	pictures  map[uint64]int32
	sums      map[string]int32
	alike     []*alike
	has       [kinds]int
}

// site is a host, and the port for which an entry is; 0 for all.
type site struct {
	host string
	port uint16
}

// Facts are what is known of a pair, a picture, a page or an address; what is not known
// is "" or 0.
type Facts struct {
	PageURL     string // as the dataset has it
	ImageURL    string
	PairID      uint64
	PictureHash uint64
	PHash       uint64
	SHA256      string // lower case
}

// New makes a list of entries; repeats count once.
func New(entries []Entry) *List {
	l := &List{
		addresses: map[string]int32{}, hosts: map[site]int32{}, pairs: map[uint64]int32{}, pictures: map[uint64]int32{}, sums: map[string]int32{},
	}
	likes := map[Entry]bool{}
	for _, e := range entries {
		at := int32(len(l.Entries))
		fresh := false
		switch e.Kind {
		case Address:
			fresh = enter(l.addresses, keyOf(e.Text), at)
		case Host:
			fresh = enter(l.hosts, site{e.Text, e.Port}, at)
		case Pair:
			fresh = enter(l.pairs, e.Number, at)
		case Picture:
			fresh = enter(l.pictures, e.Number, at)
		case Hash:
			pair, picture := enter(l.pairs, e.Number, at), enter(l.pictures, e.Number, at)
			fresh = pair || picture
		case SHA256:
			fresh = enter(l.sums, e.Text, at)
		case Similar:
			if fresh = !likes[e]; fresh {
				likes[e] = true
			}
		}
		if fresh {
			l.has[e.Kind]++
			l.Entries = append(l.Entries, e)
		}
	}
	l.alike = indexAlike(l.Entries)
	return l
}

func enter[K comparable](m map[K]int32, key K, at int32) bool {
	if _, there := m[key]; there {
		return false
	}
	m[key] = at
	return true
}

// keyOf is what is compared of an address of an entry.
func keyOf(text string) string {
	if a, ok := split(text); ok {
		return string(a.appendKey(nil))
	}
	return text
}

// Len is the number of entries.
func (l *List) Len() int { return len(l.Entries) }

// Has tells whether there is an entry of one of the kinds.
func (l *List) Has(of ...Kind) bool {
	for _, k := range of {
		if l != nil && l.has[k] > 0 {
			return true
		}
	}
	return false
}

// Sum is a fingerprint of the entries of the kinds given, whatever their order; "" where
// there is none, so that an empty list is as none.
func (l *List) Sum(of ...Kind) string {
	if !l.Has(of...) {
		return ""
	}
	var among [kinds]bool
	for _, k := range of {
		among[k] = true
	}
	var sum, n uint64
	for _, e := range l.Entries {
		if among[e.Kind] {
			sum += xxhash.Sum64String(e.String())
			n++
		}
	}
	return fmt.Sprintf("%d %016x", n, sum)
}

// Refuses tells whether something may not be in the dataset, and by which entry: of
// several the first kind's, in the order of the constants.
func (l *List) Refuses(f *Facts) (e Entry, refused bool) {
	if l == nil || len(l.Entries) == 0 {
		return e, false
	}
	for _, address := range [...]string{f.ImageURL, f.PageURL} {
		if address == "" {
			continue
		}
		if at, ok := l.address(address); ok {
			return l.Entries[at], true
		}
	}
	if f.PairID != 0 && len(l.pairs) > 0 {
		if at, ok := l.pairs[f.PairID]; ok {
			return l.Entries[at], true
		}
	}
	if f.PictureHash != 0 && len(l.pictures) > 0 {
		if at, ok := l.pictures[f.PictureHash]; ok {
			return l.Entries[at], true
		}
	}
	if f.SHA256 != "" && len(l.sums) > 0 {
		if at, ok := l.sums[f.SHA256]; ok {
			return l.Entries[at], true
		}
	}
	if !SaysNothing(f.PHash) {
		for _, a := range l.alike {
			if at, ok := a.find(f.PHash); ok {
				return l.Entries[at], true
			}
		}
	}
	return e, false
}

// RefusesAddress is Refuses for an address of which nothing else is known.
func (l *List) RefusesAddress(address string) (e Entry, refused bool) {
	if at, ok := l.address(address); ok {
		return l.Entries[at], true
	}
	return e, false
}

// RefusesHost tells whether all of a host is refused, whatever the port.
func (l *List) RefusesHost(host string) (e Entry, refused bool) {
	if l == nil || host == "" || len(l.hosts) == 0 {
		return e, false
	}
	at, ok := l.host(strings.TrimRight(host, "."), 0)
	if !ok {
		return e, false
	}
	return l.Entries[at], true
}

// address asks for an address, and for its host and the domains that it lies in.
func (l *List) address(s string) (at int32, ok bool) {
	if l == nil || len(l.addresses) == 0 && len(l.hosts) == 0 {
		return 0, false
	}
	a, http := split(s)
	if !http {
		at, ok = l.addresses[s]
		return at, ok
	}
	if len(l.addresses) > 0 {
		if a.plain {
			at, ok = l.addresses[a.key]
		} else {
			var room [512]byte
			at, ok = l.addresses[string(a.appendKey(room[:0]))]
		}
		if ok {
			return at, true
		}
	}
	if len(l.hosts) == 0 {
		return 0, false
	}
	host := a.host
	if !a.plain { // addresses of the dataset are in lower case
		host = strings.ToLower(host)
	}
	return l.host(host, a.portNumber())
}

func (l *List) host(host string, port uint16) (at int32, ok bool) {
	for {
		if at, ok = l.hosts[site{host, 0}]; ok {
			return at, true
		}
		if at, ok = l.hosts[site{host, port}]; ok {
			return at, true
		}
		dot := strings.IndexByte(host, '.')
		if dot < 0 {
			return 0, false
		}
		host = host[dot+1:]
	}
}
