package cells

import (
	"fmt"
	"sort"

	"github.com/apache/arrow/go/v17/parquet"
)

// Pages says where the pages of a column of a row group lie, so that a row can be read
// without those before it. It takes 24 bytes a page.
type Pages struct {
	dictionary int64 // where it begins, -1 for none
	pages      []pageStart
}

// pageStart is where a page of data begins, in the chunk and among its rows.
type pageStart struct {
	at, first  int64
	dictionary bool // its values are numbers of the dictionary's
}

// Pages reads the headers of the pages of a column of a row group, and no values.
func (f *File) Pages(group, column int) (*Pages, error) {
	var r Reader
	if err := r.Open(f, group, column); err != nil {
		return nil, err
	}
	p, list, rows := &r.pages, &Pages{dictionary: -1}, int64(0)
	for all := p.left; rows < all; {
		at := p.at
		h, err := p.header()
		if err != nil {
			return nil, err
		}
		packed := h[pagePacked]
		if packed < 0 || packed > p.r.Size()-p.at {
			return nil, fmt.Errorf("a page claims %d bytes, %d are left of its column", packed, p.r.Size()-p.at)
		}
		p.at += packed
		values, encoding := h[dataValues], parquet.Encoding(h[dataEncoding])
		switch h[pageKind] {
		case dictionaryPage:
			list.dictionary = at
			continue
		case dataPageV2:
			values, encoding = h[v2Values], parquet.Encoding(h[v2Encoding])
		case dataPage:
		default:
			continue
		}
		if values < 0 || values > all-rows {
			return nil, fmt.Errorf("a page claims %d values, %d are left of its column", values, all-rows)
		}
		if values > 0 {
			numbers := encoding == parquet.Encodings.RLEDict || encoding == parquet.Encodings.PlainDict
			list.pages = append(list.pages, pageStart{at, rows, numbers})
		}
		rows += values
	}
	return list, nil
}

// OpenAt begins with a row of a column of a row group, whose pages these are: no page
// but its own is unpacked, and the dictionary where it has one.
func (r *Reader) OpenAt(f *File, group, column int, pages *Pages, row int64) error {
	if err := r.Open(f, group, column); err != nil {
		return err
	}
	p := &r.pages
	if row < 0 || row >= p.left {
		return fmt.Errorf("row %d of %d", row, p.left)
	}
	i := sort.Search(len(pages.pages), func(i int) bool { return pages.pages[i].first > row }) - 1
	start := pages.pages[i]
	if start.dictionary && pages.dictionary >= 0 {
		p.at = pages.dictionary
		if err := p.next(); err != nil {
			return err
		}
		p.ahead, p.page = p.page, nil
	}
	p.at, p.left = start.at, p.left-start.first
	return r.Skip(row - start.first)
}
