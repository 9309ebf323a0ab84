package cells

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// lz4Raw is LZ4_RAW of parquet.thrift, LZ4's block format, which Arrow's package
// does not list. Its older LZ4 is another, Hadoop's, and nobody writes it now.
const lz4Raw compress.Compression = 7

var unzstd, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))

// unpack fills dst with what src holds, and never makes room for more.
var unpack = map[compress.Compression]func(dst, src []byte) (n int, err error){
	compress.Codecs.Snappy: func(dst, src []byte) (int, error) {
		if n, err := snappy.DecodedLen(src); err != nil || n != len(dst) {
			return n, err
		}
		_, err := snappy.Decode(dst, src)
		return len(dst), err
	},
	compress.Codecs.Gzip: func(dst, src []byte) (int, error) {
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return 0, err
		}
		return io.ReadFull(r, dst)
	},
	compress.Codecs.Brotli: func(dst, src []byte) (int, error) { return io.ReadFull(brotli.NewReader(bytes.NewReader(src)), dst) },
	compress.Codecs.Zstd: func(dst, src []byte) (int, error) {
		out, err := unzstd.DecodeAll(src, dst[:0:len(dst)])
		return len(out), err
	},
	lz4Raw: func(dst, src []byte) (int, error) { return lz4.UncompressBlock(src, dst) },
}

const (
	// A page may unpack to 256 times its bytes and 64 MiB: more than pictures ever
	// do, and room for labels that are all alike.
	mostUnpacked, alwaysUnpacked = 256, 64 << 20
	// headerBytes is what is read at first to find a page's header, and
	// mostHeaderBytes what a header may have: its statistics may hold a picture.
	headerBytes, mostHeaderBytes = 1 << 12, 1 << 24
)

// pageReader reads the pages of a column chunk, for Arrow's column readers, which
// believe what pages say of themselves. It holds one page of data, a dictionary
// where there is one, and the packed form of what was read last; Arrow's own page
// reader takes four times as much for a chunk of one large page, and room for
// what headers claim. It is used again from chunk to chunk.
type pageReader struct {
	file.PageReader // Reset and SetMaxPageHeaderSize, which nobody calls

	r          *io.SectionReader // the chunk
	base       int64             // where it begins in the file
	at         int64
	left       int64 // values of pages to come
	rest       int64 // values of this page that nobody took; see Next
	codec      compress.Compression
	defined    int // definition level of a row that is not null; 0 where none is
	dictionary int // values of the chunk's dictionary
	plain      []byte
	packed     []byte
	page       file.Page
	ahead      file.Page // a dictionary that was read before it was asked for
	err        error
}

// open begins with a chunk of rows rows of a file of size bytes.
func (p *pageReader) open(r io.ReaderAt, size, rows int64, c *metadata.ColumnChunkMetaData, defined int) error {
	begin := c.DataPageOffset()
	if d := c.DictionaryPageOffset(); c.HasDictionaryPage() && d > 0 && d < begin {
		begin = d
	}
	length := c.TotalCompressedSize()
	if begin < 0 || length < 0 || begin > size || length > size-begin {
		return fmt.Errorf("its footer claims a column of %d bytes at %d, the file has %d", length, begin, size)
	}
	if c.NumValues() != rows {
		return fmt.Errorf("a row group has %d rows, but %d values of a column; get the file again", rows, c.NumValues())
	}
	if c.CryptoMetadata() != nil {
		return errors.New("a column is encrypted")
	}
	if codec := c.Compression(); codec != compress.Codecs.Uncompressed && unpack[codec] == nil {
		return fmt.Errorf("its pages are packed with %v, which is not read; write it with zstd or snappy", codec)
	}
	*p = pageReader{r: io.NewSectionReader(r, begin, length), base: begin, left: rows, codec: c.Compression(), defined: defined, plain: p.plain, packed: p.packed}
	return nil
}

// Page and Err are those of file.PageReader.
func (p *pageReader) Page() file.Page { return p.page }
func (p *pageReader) Err() error      { return p.err }

// Next goes to the next page; false at the end of the chunk or on an error, and as
// long as values of this page are not taken: a column reader asks for the next one
// before it hands on the last value of this, which lies where the next one comes.
func (p *pageReader) Next() bool {
	p.page, p.ahead = p.ahead, nil
	for p.err == nil && p.page == nil && p.left > 0 && p.rest == 0 {
		p.err = p.next()
	}
	return p.err == nil && p.page != nil
}

// read fills data from the chunk's byte at on.
func (p *pageReader) read(data []byte, at int64) error {
	n, err := p.r.ReadAt(data, at)
	if n == len(data) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the file was longer when it was opened
	}
	return err
}

// header reads the numbers of the header at p.at and goes past it.
func (p *pageReader) header() (numbers map[int]int64, err error) {
	for want := int64(headerBytes); ; want *= 16 {
		want = min(want, p.r.Size()-p.at)
		if want == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		data := make([]byte, want)
		if err := p.read(data, p.at); err != nil {
			return nil, err
		}
		numbers = map[int]int64{}
		length, err := walkHeader(data, func(path int, n int64) error { numbers[path] = n; return nil })
		if err == nil {
			p.at += int64(length)
			return numbers, nil
		}
		if want == p.r.Size()-p.at || want >= mostHeaderBytes {
			return nil, fmt.Errorf("the header of a page: %w", err)
		}
	}
}

// next reads a page; one of another kind than data and dictionaries it passes by.
func (p *pageReader) next() error {
	h, err := p.header()
	if err != nil {
		return err
	}
	plain, packed := h[pagePlain], h[pagePacked]
	switch left := p.r.Size() - p.at; {
	case packed < 0 || packed > left:
		return fmt.Errorf("a page claims %d bytes, %d are left of its column", packed, left)
	case plain < 0 || plain > mostUnpacked*packed+alwaysUnpacked, p.codec == compress.Codecs.Uncompressed && plain != packed:
		return fmt.Errorf("a page claims to unpack from %d bytes to %d", packed, plain)
	}
	begin := p.at
	p.at += packed
	switch h[pageKind] {
	case dictionaryPage:
		return p.readDictionary(h, begin)
	case dataPage, dataPageV2:
		return p.readData(h, begin)
	}
	return nil
}

// pass goes past whole pages of data, of rows rows together at most, before the first is
// read, and returns how many of the rows are left to be read over. A dictionary is read.
func (p *pageReader) pass(rows int64) (left int64, err error) {
	for rows > 0 && p.left > 0 {
		at := p.at
		h, err := p.header()
		if err != nil {
			return rows, err
		}
		values := h[dataValues]
		switch h[pageKind] {
		case dataPageV2:
			values = h[v2Values]
		case dataPage:
		default:
			values = 0
		}
		packed := h[pagePacked]
		if values <= 0 || values > min(rows, p.left) || packed < 0 || packed > p.r.Size()-p.at {
			p.at = at
			if h[pageKind] == dictionaryPage && p.ahead == nil {
				if err := p.next(); err != nil {
					return rows, err
				}
				p.ahead, p.page = p.page, nil
				continue
			}
			return rows, nil // who reads it finds what is wrong
		}
		p.at += packed
		p.left -= values
		rows -= values
	}
	return rows, nil
}

func (p *pageReader) readDictionary(h map[int]int64, begin int64) error {
	data := make([]byte, h[pagePlain]) // which stays as long as the chunk
	if err := p.content(data, begin, h[pagePacked], 0, true); err != nil {
		return err
	}
	values := h[dictionaryValues]
	if values < 0 || values > int64(len(data))/4 { // each is a number, or begins with its length
		return fmt.Errorf("a dictionary claims %d values in %d bytes", values, len(data))
	}
	p.dictionary = int(values)
	p.page = file.NewDictionaryPage(memory.NewBufferBytes(data), int32(values), parquet.Encoding(h[dictionaryEncoding]))
	return nil
}

func (p *pageReader) readData(h map[int]int64, begin int64) error {
	v2 := h[pageKind] == dataPageV2
	values, encoding := h[dataValues], parquet.Encoding(h[dataEncoding])
	if v2 {
		values, encoding = h[v2Values], parquet.Encoding(h[v2Encoding])
	}
	if values < 0 || values > p.left {
		return fmt.Errorf("a page claims %d values, %d are left of its column", values, p.left)
	}
	p.left -= values
	plain, packed := h[pagePlain], h[pagePacked]
	if int64(cap(p.plain)) < plain {
		p.plain = make([]byte, plain)
	}
	data := p.plain[:plain]

	// Levels lie before the values: first those of repetition, of which a column
	// that is no list has none, then those of definition.
	var levels, rest []byte
	defined, repeated := h[v2Defined], h[v2Repeated]
	if v2 {
		if defined < 0 || repeated < 0 || defined+repeated > min(plain, packed) {
			return fmt.Errorf("a page of %d bytes claims levels of %d and %d", plain, defined, repeated)
		}
		compressed, said := h[v2Packed]
		if err := p.content(data, begin, packed, defined+repeated, !said || compressed == 1); err != nil {
			return err
		}
		levels, rest = data[repeated:][:defined], data[repeated+defined:]
	} else {
		if err := p.content(data, begin, packed, 0, true); err != nil {
			return err
		}
		rest = data
		if p.defined > 0 {
			if len(data) < 4 || parquet.Encoding(h[dataLevels]) != parquet.Encodings.RLE {
				return errDamagedPage
			}
			size := binary.LittleEndian.Uint32(data)
			if rest = data[4:]; uint64(size) > uint64(len(rest)) {
				return errDamagedPage
			}
			levels, rest = rest[:size], rest[size:]
		}
	}
	if err := checkPage(levels, rest, encoding, int(values), p.defined, p.dictionary); err != nil || values == 0 {
		return err
	}
	p.rest = values
	if b := memory.NewBufferBytes(data); v2 {
		p.page = file.NewDataPageV2(b, int32(values), 0, int32(values), encoding, int32(defined), int32(repeated), int32(plain), true)
	} else {
		p.page = file.NewDataPageV1(b, int32(values), encoding, parquet.Encodings.RLE, parquet.Encodings.RLE, int32(plain))
	}
	return nil
}

// content reads the packed bytes of a page from begin on and fills data. Of a page
// of version 2 the levels before the values are never compressed.
func (p *pageReader) content(data []byte, begin, packed, levels int64, compressed bool) error {
	if p.codec == compress.Codecs.Uncompressed || !compressed {
		if packed != int64(len(data)) {
			return fmt.Errorf("a page that is not packed has %d bytes, but claims %d", packed, len(data))
		}
		return p.read(data, begin)
	}
	if int64(cap(p.packed)) < packed {
		p.packed = make([]byte, packed)
	}
	src := p.packed[:packed]
	if err := p.read(src, begin); err != nil {
		return err
	}
	copy(data[:levels], src)
	data, src = data[levels:], src[levels:]
	if len(data) == 0 {
		return nil // codecs pack nothing in different ways
	}
	n, err := unpack[p.codec](data, src)
	if err == nil && n != len(data) {
		err = fmt.Errorf("%d bytes came out", n)
	}
	if err != nil {
		return fmt.Errorf("unpack a page of %d bytes: %w", len(data), err)
	}
	return nil
}
