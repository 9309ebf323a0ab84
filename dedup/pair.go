package dedup

import "encoding/binary"

// Pair is what deduplication must know of a pair.
type Pair struct {
	Place       uint64 // among all pairs of the stage; unique
	PairID      uint64
	ImageID     uint64 // of the picture's address
	PictureHash uint64 // of the picture's bytes
	PHash       uint64 // the picture's perceptual hash
	Pixels      uint64 // width times height of the original picture
	TextHash    uint64 // of the folded text
	Characters  uint32 // of the text as it is
	Preference  uint8  // of the text's source; 0 is the best
	HeldOut     bool   // the picture's side: training never sees it
	Note        uint64 // the caller's, which the verdict gives back
	Digest      uint64 // the caller's too
	QueryIDs    []uint32
	Text        []byte // folded; empty when nothing asks for it
}

// Verdict is the decision on one pair: it stays when Reason is "". It lives until
// the next step.
type Verdict struct {
	Pair
	Reason, Detail string
	// Like is what a near duplicate is like, a pair or an evaluation set's entry, and
	// Likeness how similar their texts are, or how well their pictures correlate, whose
	// hashes differ in Distance bits.
	Like     uint64
	Likeness float64
	Distance int
}

// appendPair appends the pair as sorters carry it, readPair reads it into memory that
// p has.
func appendPair(b []byte, p *Pair) []byte {
	for _, n := range [...]uint64{p.Place, p.PairID, p.ImageID, p.PictureHash, p.PHash, p.Pixels, p.TextHash, p.Note, p.Digest} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(append(b, p.Preference, sideOf(p.HeldOut)), p.Characters)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.QueryIDs)))
	for _, q := range p.QueryIDs {
		b = binary.BigEndian.AppendUint32(b, q)
	}
	return append(b, p.Text...)
}

func readPair(p *Pair, b []byte) {
	for i, n := range [...]*uint64{&p.Place, &p.PairID, &p.ImageID, &p.PictureHash, &p.PHash, &p.Pixels, &p.TextHash, &p.Note, &p.Digest} {
		*n = number(b[8*i:])
	}
	p.Preference, p.HeldOut = b[72], b[73] != 0
	p.Characters = binary.BigEndian.Uint32(b[74:])
	queries := binary.BigEndian.Uint32(b[78:])
	b = b[82:]
	for p.QueryIDs = p.QueryIDs[:0]; queries > 0; queries-- {
		p.QueryIDs = append(p.QueryIDs, binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	p.Text = append(p.Text[:0], b...)
}

// imageOf is the ImageID of a pair as sorters carry it.
func imageOf(b []byte) uint64 { return number(b[16:]) }

// textOf is the TextHash of a pair as sorters carry it.
func textOf(b []byte) uint64 { return number(b[48:]) }

// sideOf is the side as a byte: training comes first.
func sideOf(heldOut bool) byte {
	if heldOut {
		return 1
	}
	return 0
}

func number(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
