package shard

import (
	"encoding/binary"
	"errors"
	"unsafe"
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

// ReadRow reads what AppendRow wrote and returns the bytes behind it. Strings and
// bytes point into src.
func ReadRow[T Record](src []byte, row *T) (rest []byte, err error) {
	columns := layoutOf[T]().columns
	for i := range columns {
		// Every value begins with a number, but for those of eight bytes.
		field := columns[i].at(row)
		if v, ok := field.(*uint64); ok {
			if len(src) < 8 {
				return nil, errShortRow
			}
			*v, src = binary.LittleEndian.Uint64(src), src[8:]
			continue
		}
		n, size := binary.Uvarint(src)
		if size <= 0 {
			return nil, errShortRow
		}
		src = src[size:]
		switch field := field.(type) {
		case *string:
			if n > uint64(len(src)) {
				return nil, errShortRow
			}
			*field = ""
			if n > 0 {
				*field = unsafe.String(&src[0], int(n))
			}
			src = src[n:]
		case *[]byte:
			if n > uint64(len(src)) {
				return nil, errShortRow
			}
			*field, src = src[:n:n], src[n:]
		case *int32:
			*field = int32(zigzag(n))
		case *int64:
			*field = zigzag(n)
		case *uint32:
			*field = uint32(n)
		case *[]uint32:
			*field = (*field)[:0]
			for ; n > 0; n-- {
				v, size := binary.Uvarint(src)
				if size <= 0 {
					return nil, errShortRow
				}
				*field, src = append(*field, uint32(v)), src[size:]
			}
		}
	}
	return src, nil
}

// zigzag is the number that binary.AppendVarint wrote as u.
func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }
