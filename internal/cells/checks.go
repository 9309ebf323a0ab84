package cells

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v17/parquet"
)

// errDamagedPage is what the content of a page gives that is not as its encoding
// wants it.
var errDamagedPage = errors.New("the levels or values of a page are damaged")

// mostDeltaBlock bounds the values of a block of a delta encoding; writers take
// 128.
const mostDeltaBlock = 1 << 16

// checkPage checks that a page holds as many levels and values as it claims, and
// that its dictionary has those that it numbers. Arrow's decoders make room for
// what a number claims, and wait for ever for a value that is not there. defined
// is the definition level of a row that is not null.
func checkPage(levels, data []byte, encoding parquet.Encoding, rows, defined, dictionary int) error {
	present := rows
	if defined > 0 {
		present = 0
		if err := eachRun(levels, bits.Len(uint(defined)), rows, func(level uint64, times int) error {
			if level == uint64(defined) {
				present += times
			}
			return nil
		}); err != nil {
			return err
		}
	}
	switch encoding {
	case parquet.Encodings.PlainDict, parquet.Encodings.RLEDict:
		if present == 0 {
			return nil
		}
		if len(data) == 0 || data[0] > 32 {
			return errDamagedPage
		}
		return eachRun(data[1:], int(data[0]), present, func(number uint64, _ int) error {
			if number >= uint64(dictionary) {
				return fmt.Errorf("a page takes value %d of a dictionary of %d", number, dictionary)
			}
			return nil
		})
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray:
		_, err := skipDelta(data, present)
		return err
	case parquet.Encodings.DeltaByteArray: // lengths of prefixes, then the suffixes with theirs
		data, err := skipDelta(data, present)
		if err == nil {
			_, err = skipDelta(data, present)
		}
		return err
	}
	return nil
}

// eachRun visits the first n numbers of width bits in Parquet's hybrid of runs and
// packed bits: a head of one bit for the kind and a count, then one number in
// whole bytes, or count times eight numbers, least bits first.
func eachRun(data []byte, width, n int, visit func(number uint64, times int) error) error {
	for n > 0 {
		head, size := binary.Uvarint(data)
		count := head >> 1
		if size <= 0 || count == 0 || count > math.MaxInt32/8 {
			return errDamagedPage
		}
		data = data[size:]
		if head&1 == 0 {
			if size = (width + 7) / 8; size > len(data) {
				return errDamagedPage
			}
			var number [8]byte
			copy(number[:], data[:size])
			data = data[size:]
			times := min(n, int(count))
			if err := visit(binary.LittleEndian.Uint64(number[:]), times); err != nil {
				return err
			}
			n -= times
			continue
		}
		if size = int(count) * width; size == 0 || size > len(data) {
			return errDamagedPage
		}
		packed := data[:size]
		data = data[size:]
		values := min(n, 8*int(count))
		for bit := 0; bit < values*width; bit += width {
			var number uint64
			for i := bit; i < bit+width; i++ {
				number |= uint64(packed[i/8]>>(i%8)&1) << (i - bit)
			}
			if err := visit(number, 1); err != nil {
				return err
			}
		}
		n -= values
	}
	return nil
}

// skipDelta returns what follows n numbers in DELTA_BINARY_PACKED: the values of
// a block, its miniblocks, the number of values and the first of them; then block
// by block the least difference, a width for each miniblock, and the miniblocks
// that have values.
func skipDelta(data []byte, n int) ([]byte, error) {
	number := func() uint64 {
		v, size := binary.Uvarint(data)
		if size <= 0 {
			data = nil
			return 0
		}
		data = data[size:]
		return v
	}
	block, minis, total := number(), number(), number()
	number()
	if data == nil || block > mostDeltaBlock || minis == 0 || block%(8*minis) != 0 || total != uint64(n) {
		return nil, errDamagedPage
	}
	each := int(block / minis)
	for left := n - 1; left > 0; {
		number()
		if each == 0 || len(data) < int(minis) {
			return nil, errDamagedPage
		}
		widths := data[:minis]
		data = data[minis:]
		for _, width := range widths {
			if left <= 0 {
				break
			}
			size := int(width) * each / 8
			if width > 64 || size > len(data) {
				return nil, errDamagedPage
			}
			data = data[size:]
			left -= each
		}
	}
	return data, nil
}
