package shard

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// AppendRow appends row to dst in a compact form for sorting and spilling. It
// is not a format for keeping: it carries no version.
func AppendRow[T Record](dst []byte, row *T) []byte {
	columns, p := layoutOf[T]().columns, unsafe.Pointer(row)
	for i := range columns {
		switch c := &columns[i]; c.kind {
		case kindString:
			v := *c.str(p)
			dst = append(binary.AppendUvarint(dst, uint64(len(v))), v...)
		case kindBytes:
			v := *c.bytes(p)
			dst = append(binary.AppendUvarint(dst, uint64(len(v))), v...)
		case kindInt32:
			dst = binary.AppendVarint(dst, int64(*c.int32(p)))
		case kindInt64:
			dst = binary.AppendVarint(dst, *c.int64(p))
		case kindUint32:
			dst = binary.AppendUvarint(dst, uint64(*c.uint32(p)))
		case kindUint64:
			dst = binary.LittleEndian.AppendUint64(dst, *c.uint64(p))
		case kindUint32List:
			v := *c.list(p)
			dst = binary.AppendUvarint(dst, uint64(len(v)))
			for _, x := range v {
				dst = binary.AppendUvarint(dst, uint64(x))
			}
		}
	}
	return dst
}

var errShortRow = errors.New("read a spilled row: it is cut short")

// ReadRow reads what AppendRow wrote and returns the bytes behind it. Strings and
// bytes point into src.
func ReadRow[T Record](src []byte, row *T) (rest []byte, err error) {
	return readWire(layoutOf[T]().columns, src, unsafe.Pointer(row))
}

// ReadQueries reads the queries of a matched row that AppendRow wrote, in the
// memory of ids.
func ReadQueries(src []byte, ids []uint32) ([]uint32, error) {
	row := Matched{QueryIDs: ids}
	_, err := readWire(matchedColumns[:queriesColumn+1], src, unsafe.Pointer(&row))
	return row.QueryIDs, err
}

func readWire(columns []column, src []byte, p unsafe.Pointer) (rest []byte, err error) {
	for i := range columns {
		c := &columns[i]
		// Every value begins with a number, but for those of eight bytes.
		if c.kind == kindUint64 {
			if len(src) < 8 {
				return nil, errShortRow
			}
			*c.uint64(p), src = binary.LittleEndian.Uint64(src), src[8:]
			continue
		}
		n, size := binary.Uvarint(src)
		if size <= 0 {
			return nil, errShortRow
		}
		src = src[size:]
		switch c.kind {
		case kindString, kindBytes:
			if n > uint64(len(src)) {
				return nil, errShortRow
			}
			if v := src[:n:n]; c.kind == kindString {
				*c.str(p) = unsafe.String(unsafe.SliceData(v), n)
			} else {
				*c.bytes(p) = v
			}
			src = src[n:]
		case kindInt32:
			*c.int32(p) = int32(zigzag(n))
		case kindInt64:
			*c.int64(p) = zigzag(n)
		case kindUint32:
			*c.uint32(p) = uint32(n)
		case kindUint32List:
			list := (*c.list(p))[:0]
			for ; n > 0; n-- {
				v, size := binary.Uvarint(src)
				if size <= 0 {
					return nil, errShortRow
				}
				list, src = append(list, uint32(v)), src[size:]
			}
			*c.list(p) = list
		}
	}
	return src, nil
}

// zigzag is the number that binary.AppendVarint wrote as u.
func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }
