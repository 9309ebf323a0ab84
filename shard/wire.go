package shard

import (
	"encoding/binary"
	"errors"
)

// AppendRow appends row to dst in a compact form for sorting and spilling. It
// is not a format for keeping: it carries no version.
func AppendRow[T Record](dst []byte, row *T) []byte {
	for _, c := range layoutOf[T]().columns {
		switch field := c.at(row).(type) {
		case *string:
			dst = binary.AppendUvarint(dst, uint64(len(*field)))
			dst = append(dst, *field...)
		case *[]byte:
			dst = binary.AppendUvarint(dst, uint64(len(*field)))
			dst = append(dst, *field...)
		case *int32:
			dst = binary.AppendVarint(dst, int64(*field))
		case *int64:
			dst = binary.AppendVarint(dst, *field)
		case *uint32:
			dst = binary.AppendUvarint(dst, uint64(*field))
		case *uint64:
			dst = binary.LittleEndian.AppendUint64(dst, *field)
		case *[]uint32:
			dst = binary.AppendUvarint(dst, uint64(len(*field)))
			for _, v := range *field {
				dst = binary.AppendUvarint(dst, uint64(v))
			}
		}
	}
	return dst
}

var errShortRow = errors.New("read a spilled row: it is cut short")

// ReadRow reads what AppendRow wrote and returns the bytes behind it. Strings
// are copied; bytes point into src.
func ReadRow[T Record](src []byte, row *T) (rest []byte, err error) {
	uvarint := func() uint64 {
		v, n := binary.Uvarint(src)
		if n <= 0 {
			err = errShortRow
			return 0
		}
		src = src[n:]
		return v
	}
	take := func(n uint64) []byte {
		if n > uint64(len(src)) {
			err = errShortRow
			return nil
		}
		b := src[:n:n]
		src = src[n:]
		return b
	}
	varint := func() int64 { // as binary.AppendVarint writes it: zigzag
		u := uvarint()
		return int64(u>>1) ^ -int64(u&1)
	}
	for _, c := range layoutOf[T]().columns {
		switch field := c.at(row).(type) {
		case *string:
			*field = string(take(uvarint()))
		case *[]byte:
			*field = take(uvarint())
		case *int32:
			*field = int32(varint())
		case *int64:
			*field = varint()
		case *uint32:
			*field = uint32(uvarint())
		case *uint64:
			if b := take(8); err == nil {
				*field = binary.LittleEndian.Uint64(b)
			}
		case *[]uint32:
			n := uvarint()
			*field = (*field)[:0]
			for i := uint64(0); i < n && err == nil; i++ {
				*field = append(*field, uint32(uvarint()))
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return src, nil
}
