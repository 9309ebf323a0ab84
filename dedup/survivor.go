package dedup

import "encoding/binary"

// AppendSurvivor appends the key by which near duplicates are compared, as bytes: the
// larger picture comes first, then the longer text, then the smaller pair id, then the
// place. The first stays.
func AppendSurvivor(key []byte, p *Pair) []byte {
	key = binary.BigEndian.AppendUint64(key, ^p.Pixels)
	key = binary.BigEndian.AppendUint32(key, ^p.Characters)
	key = binary.BigEndian.AppendUint64(key, p.PairID)
	return binary.BigEndian.AppendUint64(key, p.Place)
}
