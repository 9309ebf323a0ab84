package dedup

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/pairloom/pairloom/dedup/minhash"
	"github.com/pairloom/pairloom/internal/extsort"
)

// verdictOn is the decision on the pairs of one text.
type verdictOn struct {
	dropped  bool
	kind     byte   // of what it is like
	like     uint64 // the pair that stays, or the reference
	likeness float64
}

func (d *verdictOn) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, d.kind), d.like)
	return binary.BigEndian.AppendUint64(b, math.Float64bits(d.likeness))
}

func readVerdictOn(b []byte) verdictOn {
	return verdictOn{true, b[0], number(b[1:]), math.Float64frombits(number(b[9:]))}
}

// say gives reason and detail of a drop.
func (d *verdictOn) say(n *NearTexts) (reason, detail string) {
	if d.kind == kindReference {
		return ReasonEvaluationText, fmt.Sprintf("the text is like that of %s: similarity %.2f of against_text_similarity %v", n.name(d.like), d.likeness, n.reference)
	}
	if d.likeness == 1 {
		return ReasonNearText, fmt.Sprintf("the text is that of pair %016x, which stays", d.like)
	}
	return ReasonNearText, fmt.Sprintf("the text is like that of pair %016x, which stays: similarity %.2f of text_similarity %v", d.like, d.likeness, n.o.TextSimilarity)
}

// least is the least similarity that matters.
func (n *NearTexts) least() float64 {
	if n.o.TextSimilarity == 0 || n.reference == 0 {
		return max(n.o.TextSimilarity, n.reference)
	}
	return min(n.o.TextSimilarity, n.reference)
}

// deciding is the state of finding similar texts. A text is known by where it lies
// among all, in the order in which they are gone through.
type deciding struct {
	*NearTexts
	texts   textFile
	first   uint64   // pair; references lie before it
	dropped []uint64 // a bit for each place
	set     minhash.Set
	numbers []uint64 // scratch: shingles
	ours    storedText
	theirs  storedText
}

// decide returns the decisions on texts that are dropped, by group.
func (n *NearTexts) decide() (*extsort.Sorter, error) {
	d := &deciding{NearTexts: n, ours: storedText{room: orderRoom}, theirs: storedText{room: textRoom}}
	defer d.texts.close()
	bands, err := d.store()
	if err != nil {
		return nil, err
	}
	defer bands.Close()
	candidates := extsort.NewNumbers(n.dir, n.memory/4)
	defer candidates.Close()
	if err := d.meet(bands, candidates); err != nil {
		return nil, err
	}
	decided := extsort.New(n.dir, n.memory/4)
	if err := d.compare(candidates, decided); err != nil {
		decided.Close()
		return nil, err
	}
	return decided, nil
}

// store lays the texts down in the order in which they are gone through, one of each
// group, and returns their bands.
func (d *deciding) store() (*extsort.Numbers, error) {
	order := extsort.New(d.dir, d.memory/4)
	defer order.Close()
	var g group
	var value []byte
	var p Pair
	for rec, err := range d.NearTexts.texts.Walk() {
		if err != nil {
			return nil, err
		}
		if !g.next(rec) {
			continue
		}
		kind, id := kindOf(rec)
		text := rec.Value
		if kind == kindPair {
			readPair(&p, rec.Value)
			text = p.Text
		}
		value = binary.BigEndian.AppendUint64(value[:0], g.number)
		value = append(binary.BigEndian.AppendUint64(value, id), text...)
		if err := order.Add(rec.Key[8:], value); err != nil {
			return nil, err
		}
	}
	if err := d.texts.create(d.dir); err != nil {
		return nil, err
	}
	bands := extsort.NewNumbers(d.dir, d.memory/4)
	sketcher, banding := minhash.NewSketcher(sketchPlaces), minhash.NewBanding(sketchPlaces, d.least())
	var hashes []uint64
	fail := func(err error) (*extsort.Numbers, error) {
		bands.Close()
		return nil, err
	}
	for rec, err := range order.Sorted() {
		if err != nil {
			return fail(err)
		}
		text := rec.Value[16:]
		at, err := d.texts.add(number(rec.Value), number(rec.Value[8:]), text)
		if err != nil {
			return fail(err)
		}
		if rec.Key[0] == kindReference {
			d.first = at + 1
		}
		if utf8.RuneCount(text) < d.o.TextMinCharacters {
			continue
		}
		if d.numbers = minhash.AppendShingles(d.numbers[:0], text); len(d.numbers) == 0 {
			continue
		}
		hashes = banding.Append(hashes[:0], sketcher.Sketch(d.numbers))
		for _, h := range hashes {
			if err := bands.Add(h, at); err != nil {
				return fail(err)
			}
		}
	}
	if err := d.texts.flush(); err != nil {
		return fail(err)
	}
	d.dropped = make([]uint64, d.texts.places()/64+1)
	return bands, nil
}

// ends keeps the first and the last of a bucket's texts.
type ends struct {
	first, last [bucketEnd]uint64
	count       int
}

func (e *ends) add(at uint64) {
	if e.count < bucketEnd {
		e.first[e.count] = at
	} else {
		e.last[e.count%bucketEnd] = at
	}
	e.count++
}

// numberAdder takes pairs of numbers: the place of a text, and that of its candidate.
type numberAdder interface{ Add(key, value uint64) error }

// meet makes candidates of those that share a band.
func (d *deciding) meet(bands *extsort.Numbers, candidates numberAdder) error {
	var references, pairs ends
	var band uint64
	meet := func(at uint64, e *ends) error {
		for i := range min(e.count, 2*bucketEnd) {
			other := e.first[i%bucketEnd]
			if i >= bucketEnd {
				other = e.last[i%bucketEnd]
			}
			if err := candidates.Add(at, other); err != nil {
				return err
			}
		}
		return nil
	}
	for b, err := range bands.Sorted() {
		if err != nil {
			return err
		}
		if b.Key != band {
			band, references.count, pairs.count = b.Key, 0, 0
		}
		if b.Value < d.first {
			references.add(b.Value)
			continue
		}
		if err := meet(b.Value, &references); err != nil {
			return err
		}
		if d.o.TextSimilarity > 0 {
			if err := meet(b.Value, &pairs); err != nil {
				return err
			}
			pairs.add(b.Value)
		}
	}
	return nil
}

// candidate is a text that shares so many bands with another.
type candidate struct {
	at    uint64
	bands int
}

// compare decides on each text that has candidates, in order.
func (d *deciding) compare(candidates *extsort.Numbers, decided *extsort.Sorter) error {
	var of uint64
	var references, pairs []candidate
	for c, err := range candidates.Sorted() {
		if err != nil {
			return err
		}
		if c.Key != of {
			if err := d.one(of, references, pairs, decided); err != nil {
				return err
			}
			of, references, pairs = c.Key, references[:0], pairs[:0]
		}
		list := &pairs
		if c.Value < d.first {
			list = &references
		}
		if n := len(*list); n > 0 && (*list)[n-1].at == c.Value {
			(*list)[n-1].bands++
		} else {
			*list = append(*list, candidate{c.Value, 1})
		}
	}
	return d.one(of, references, pairs, decided)
}

// one decides on the text at a place.
func (d *deciding) one(at uint64, references, pairs []candidate, decided *extsort.Sorter) error {
	read := false
	for _, list := range [][]candidate{likeliest(references), likeliest(pairs)} {
		for _, c := range list {
			if d.dropped[c.at/64]>>(c.at%64)&1 == 1 {
				continue // what it is similar to stays, or it is not similar enough to that
			}
			if !read {
				if err := d.texts.read(at, &d.ours); err != nil {
					return err
				}
				d.numbers = minhash.AppendShingles(d.numbers[:0], d.ours.text)
				d.set.Reset(d.numbers)
				read = true
			}
			if err := d.texts.read(c.at, &d.theirs); err != nil {
				return err
			}
			d.numbers = minhash.AppendShingles(d.numbers[:0], d.theirs.text)
			v := verdictOn{kind: kindPair, like: d.theirs.id, likeness: d.set.Jaccard(d.numbers)}
			enough := d.o.TextSimilarity
			if c.at < d.first {
				v.kind, enough = kindReference, d.reference
			}
			if v.likeness < enough {
				continue
			}
			d.dropped[at/64] |= 1 << (at % 64)
			d.key = binary.BigEndian.AppendUint64(d.key[:0], d.ours.group)
			d.value = v.append(d.value[:0])
			return decided.Add(d.key, d.value)
		}
	}
	return nil
}

// likeliest bounds a list to those that share the most bands, in the order of places.
func likeliest(list []candidate) []candidate {
	if len(list) <= mostCompared {
		return list
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Or(b.bands-a.bands, cmp.Compare(a.at, b.at)) })
	list = list[:mostCompared]
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.at, b.at) })
	return list
}
