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

// share is one dataset's part of an epoch: draws of its rows.
type share struct{ rows, draws int }

// mixture is the order of an epoch's draws from several datasets, in which each
// has its share.
//
// The draws of a dataset go round a circle of its rows, each epoch from where
// the one before stopped: with as many draws as rows, an epoch has every row
// once; with fewer, some rows once and the others in later epochs; with more,
// some rows once more than the others. An Order of all draws shuffles them.
type mixture struct {
	order  Order
	shares []share
}

func newMixture(shares []share, seed int64) mixture {
	m := mixture{Order{0, seed}, shares}
	for _, s := range shares {
		m.order.N += s.draws
	}
	return m
}

// at is the row at a position of an epoch, counted through all datasets.
func (m *mixture) at(epoch, position int) int {
	draw, first := m.order.At(epoch, position), 0
	for i, s := range m.shares {
		if draw >= s.draws {
			draw, first = draw-s.draws, first+s.rows
			continue
		}
		if s.draws%s.rows == 0 {
			return first + draw%s.rows // whole rounds: where they start does not matter
		}
		place := (epoch%s.rows*(s.draws%s.rows) + draw) % s.rows
		return first + Order{s.rows, m.order.Seed + int64(i)}.At(circle, place)
	}
	return 0 // beyond the epoch
}

// circle stands in the place of the epoch for the order of a dataset's circle.
const circle = -1

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
