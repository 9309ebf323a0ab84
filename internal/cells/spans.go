package cells

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// A Span is where the bytes of a value lie in a file; At is -1 for a null.
type Span struct{ At, Len int64 }

// Spans says of each row of a column of bytes of a row group where its value lies as it
// is; nil where some are packed, or numbers of a dictionary. Writers that count values
// before they look at their size make pages of hundreds of pictures, so that reading a
// value by its page costs all of them.
func (f *File) Spans(group, column int) ([]Span, error) {
	var r Reader
	if err := r.Open(f, group, column); err != nil {
		return nil, err
	}
	p := &r.pages
	if p.codec != compress.Codecs.Uncompressed || f.Footer.MetaData().Schema.Column(column).PhysicalType() != parquet.Types.ByteArray {
		return nil, nil
	}
	var list []Span
	for left := p.left; left > 0; {
		h, err := p.header()
		if err != nil {
			return nil, err
		}
		begin, packed := p.at, h[pagePacked]
		if packed < 0 || packed > p.r.Size()-begin {
			return nil, fmt.Errorf("a page claims %d bytes, %d are left of its column", packed, p.r.Size()-begin)
		}
		p.at += packed
		var encoding parquet.Encoding
		var rows, levels int64
		at := begin
		switch h[pageKind] {
		case dataPage:
			rows, encoding = h[dataValues], parquet.Encoding(h[dataEncoding])
			if p.defined > 0 {
				var size [4]byte
				if err := p.read(size[:], at); err != nil {
					return nil, err
				}
				at, levels = at+4, int64(binary.LittleEndian.Uint32(size[:]))
			}
		case dataPageV2:
			rows, encoding, levels = h[v2Values], parquet.Encoding(h[v2Encoding]), h[v2Defined]
			at += h[v2Repeated]
		default:
			continue // a dictionary, or what no reader needs
		}
		if rows < 0 || rows > left || levels < 0 || at < begin || levels > p.at-at {
			return nil, errDamagedPage
		}
		if encoding != parquet.Encodings.Plain {
			return nil, nil
		}
		left -= rows
		data := make([]byte, levels)
		if err := p.read(data, at); err != nil {
			return nil, err
		}
		at += levels
		value := func() error {
			var size [4]byte
			if at+4 > p.at {
				return errDamagedPage
			}
			if err := p.read(size[:], at); err != nil {
				return err
			}
			n := int64(binary.LittleEndian.Uint32(size[:]))
			if at += 4; n > p.at-at {
				return errDamagedPage
			}
			list = append(list, Span{p.base + at, n})
			at += n
			return nil
		}
		each := func(level uint64, times int) error {
			for range times {
				if level != uint64(p.defined) {
					list = append(list, Span{-1, 0})
				} else if err := value(); err != nil {
					return err
				}
			}
			return nil
		}
		if p.defined == 0 {
			err = each(0, int(rows))
		} else {
			err = eachRun(data, bits.Len(uint(p.defined)), int(rows), each)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
