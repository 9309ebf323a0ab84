package batch

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Order is a permutation of n rows for each epoch: a Feistel network on the
// smallest even number of bits that holds n, walked until the result is below
// n. It takes no memory, whatever n is.
type Order struct {
	N    int
	Seed int64
}

const rounds = 4

// At is the row at a position of an epoch.
func (o Order) At(epoch, position int) int {
	half := uint(max(1, (bits.Len(uint(max(1, o.N-1)))+1)/2))
	mask := uint64(1)<<half - 1
	x := uint64(position)
	for {
		left, right := x>>half, x&mask
		for round := range rounds {
			left, right = right, left^(mix(o.Seed, uint64(epoch), uint64(round), right)&mask)
		}
		if x = left<<half | right; x < uint64(o.N) {
			return int(x)
		}
	}
}

// mix hashes numbers to a number.
func mix(seed int64, a, b, c uint64) uint64 {
	var buffer [32]byte
	binary.LittleEndian.PutUint64(buffer[0:], uint64(seed))
	binary.LittleEndian.PutUint64(buffer[8:], a)
	binary.LittleEndian.PutUint64(buffer[16:], b)
	binary.LittleEndian.PutUint64(buffer[24:], c)
	return xxhash.Sum64(buffer[:])
}

// unit maps a hash to 0..1, 1 excluded.
func unit(hash uint64) float64 { return float64(hash>>11) / (1 << 53) }
