package lists

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pairloom/pairloom/internal/places"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// codings are ways in which whole files are compressed: what they begin with, and the
// end of their names.
var codings = []struct {
	magic, end string
	open       func(io.Reader) (io.Reader, func(), error)
}{
	{"\x1f\x8b", ".gz", func(r io.Reader) (io.Reader, func(), error) {
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	}},
	{"\x28\xb5\x2f\xfd", ".zst", func(r io.Reader) (io.Reader, func(), error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}},
	{"BZh", ".bz2", func(r io.Reader) (io.Reader, func(), error) { return bzip2.NewReader(r), func() {}, nil }},
	{"\xfd7zXZ\x00", ".xz", func(io.Reader) (io.Reader, func(), error) {
		return nil, nil, errors.New("xz is not read; unpack it with xz -d, or pack it with gzip or zstd")
	}},
}

// withoutCoding is a file's name without the end that tells how it is compressed.
func withoutCoding(name string) string {
	for _, c := range codings {
		if end := len(name) - len(c.end); end > 0 && strings.EqualFold(name[end:], c.end) {
			return name[:end]
		}
	}
	return name
}

// unpacked is a file that is read from its beginning, and unpacked on the way.
type unpacked struct {
	*bufio.Reader
	file *os.File
	read int64 // bytes of the file
	free func()
}

// Read of the file itself, which the chain of readers ends with.
type counted struct{ u *unpacked }

func (c counted) Read(b []byte) (int, error) {
	n, err := c.u.file.Read(b)
	c.u.read += int64(n)
	return n, err
}

// headBytes are looked at to tell a format.
const headBytes = 4096

func openUnpacked(path string) (*unpacked, error) {
	f, _, err := places.Open(path)
	if err != nil {
		return nil, err
	}
	u := &unpacked{file: f, free: func() {}}
	u.Reader = bufio.NewReaderSize(counted{u}, 256<<10)
	head, _ := u.Peek(headBytes)
	for _, c := range codings {
		// Text may begin with BZh.
		if bytes.HasPrefix(head, []byte(c.magic)) && (c.magic != "BZh" || len(head) > 4 && head[3] >= '1' && head[3] <= '9' && (string(head[4:min(len(head), 7)]) == "1AY" || head[4] == 0x17)) {
			z, free, err := c.open(u.Reader)
			if err != nil {
				f.Close()
				return nil, err
			}
			u.free = free
			u.Reader = bufio.NewReaderSize(z, 256<<10)
			break
		}
	}
	return u, nil
}

func (u *unpacked) close() {
	u.free()
	u.file.Close()
}

// utf8Text is the file's text in UTF-8, without a byte order mark.
func (u *unpacked) utf8Text(e encoding.Encoding) io.Reader {
	head, _ := u.Peek(headBytes)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = u.Discard(3) // which were peeked at
		return u
	case e != nil:
		return transform.NewReader(u, e.NewDecoder())
	case bytes.HasPrefix(head, []byte("\xff\xfe")) && !bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return transform.NewReader(u, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
	}
	// UTF-16 without a mark: of ASCII every other byte is zero.
	var zero [2]int
	for i, c := range head {
		if c == 0 {
			zero[i%2]++
		}
	}
	switch most := len(head) / 2; {
	case most > 1 && zero[1] > most*9/10 && zero[0] < most/10:
		return transform.NewReader(u, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder())
	case most > 1 && zero[0] > most*9/10 && zero[1] < most/10:
		return transform.NewReader(u, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	}
	return u
}

// formatOf tells a file's format by its content where that is plain, else by its name,
// else by a look at its first line.
func formatOf(path string) (format string, err error) {
	u, err := openUnpacked(path)
	if err != nil {
		return "", err
	}
	defer u.close()
	raw := make([]byte, 8)
	n, err := u.file.ReadAt(raw, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	raw = raw[:n]
	head, peekErr := u.Peek(headBytes)
	packed := u.packed(raw)
	switch {
	case len(head) > 262 && string(head[257:262]) == "ustar":
		if packed {
			return "", errors.New("a compressed tar is not read: its pictures could not be had one by one; unpack it first, to a tar")
		}
		return "tar", nil
	case string(raw[:min(n, 4)]) == "PAR1":
		return "parquet", nil
	case string(raw[:min(n, 6)]) == "ARROW1", n == 8 && string(raw[:4]) == "\xff\xff\xff\xff":
		if packed {
			return "", errors.New("a compressed Arrow file is not read; unpack it first")
		}
		return "arrow", nil
	}
	name := strings.ToLower(withoutCoding(path))
	for _, end := range []struct{ end, format string }{
		{".csv", "csv"}, {".tsv", "tsv"}, {".tab", "tsv"}, {".jsonl", "jsonl"}, {".ndjson", "jsonl"}, {".txt", ""}, {".json", ""},
		{".parquet", "parquet"}, {".arrow", "arrow"}, {".feather", "arrow"}, {".tar", "tar"},
	} {
		if strings.HasSuffix(name, end.end) && end.format != "" {
			return end.format, nil
		}
	}
	if strings.HasSuffix(name, ".tfrecord") {
		return "", errors.New("tfrecord is not read; write the set as webdataset or parquet")
	}
	text := make([]byte, headBytes)
	k, err := io.ReadFull(u.utf8Text(nil), text)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	if peekErr != nil && peekErr != io.EOF {
		return "", peekErr
	}
	text = bytes.TrimLeft(text[:k], " \t\r\n")
	line, _, whole := bytes.Cut(text, []byte("\n"))
	switch {
	case len(text) == 0:
		return "txt", nil
	case text[0] == '{' && whole && !json.Valid(bytes.TrimSpace(line)): // an object over several lines
		return "json", nil
	case text[0] == '{':
		return "jsonl", nil
	case text[0] == '[':
		return "json", nil
	case bytes.IndexByte(line, '\t') >= 0:
		return "tsv", nil
	case bytes.IndexByte(text, 0) >= 0:
		return "", fmt.Errorf("%w; name it with --format (%s)", ErrFormat, strings.Join(Formats[1:], ", "))
	case bytes.IndexByte(line, ',') >= 0 && !strings.HasSuffix(name, ".txt"):
		return "csv", nil
	}
	return "txt", nil
}

// packed tells whether a file that begins so is compressed as a whole.
func (u *unpacked) packed(raw []byte) bool {
	head, _ := u.Peek(len(raw))
	return !bytes.Equal(head, raw)
}
