package query

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/pairloom/pairloom/internal/lines"
)

// formatLine begins a list; the number is the format's version.
//
//	1  first version
const formatLine = "# pairloom queries 1"

// maxEntryBytes bounds one entry. MetaCLIP 2 drops entries over 256
// characters; four bytes are the most that a character takes.
const maxEntryBytes = 4 * 256

// Entry is one query.
type Entry struct {
	Text   string
	Source string // such as "wordnet"
	Count  int64  // how often the source has it
}

// List is a query list. An entry's id is its index.
type List struct {
	Header  []string // the header's lines, without "# "
	Entries []Entry
	Hash    string // xxhash64 of the decompressed list
}

// Open reads the list in the file at path.
func Open(path string) (*List, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open query list: %w", err)
	}
	return Read(path, data)
}

// ErrNoList is wrapped by the error of what is no query list at all, such as a
// text file.
var ErrNoList = errors.New("a query list is a zstd file as pairloom queries makes it; for a text file with a query a line run: pairloom queries from-lines FILE")

// zstdMagic begins a zstd frame (RFC 8878, 3.1.1).
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Read decodes a list; name stands for it in errors. An entry that is empty,
// repeated, too long or not UTF-8 is an error that names the line: a list is
// made by a program, and a bad entry would shift or falsify counts. A byte order
// mark, CRLF and blank lines, as an editor leaves them, are passed over.
func Read(name string, data []byte) (*List, error) {
	if !bytes.HasPrefix(data, zstdMagic) {
		return nil, fmt.Errorf("read query list %s: %w", name, ErrNoList)
	}
	decoder, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("read query list %s: %w", name, err)
	}
	defer decoder.Close()
	digest := xxhash.New()
	scanner := bufio.NewScanner(lines.WithoutMark(io.TeeReader(decoder, digest)))
	scanner.Buffer(nil, 1<<20)
	// Entries of one to three words take some four bytes each when compressed.
	// Without that guess, half of the time goes into growing.
	list := &List{Entries: make([]Entry, 0, len(data)/4)}
	seen := make(map[string]int, len(data)/4)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		if n == 1 && line != formatLine {
			return nil, fmt.Errorf("read query list %s: line 1 is not %q: this is no query list, or one of another version; %w", name, formatLine, ErrNoList)
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if strings.HasPrefix(line, "# ") {
			list.Header = append(list.Header, line[2:])
			continue
		}
		entry, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("read query list %s: line %d: %w", name, n, err)
		}
		if first, repeated := seen[entry.Text]; repeated {
			return nil, fmt.Errorf("read query list %s: line %d: %q stands on line %d already", name, n, entry.Text, first)
		}
		seen[entry.Text] = n
		list.Entries = append(list.Entries, entry)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read query list %s: %w", name, err)
	}
	if len(list.Entries) == 0 {
		return nil, fmt.Errorf("read query list %s: it has no entries", name)
	}
	list.Hash = fmt.Sprintf("%016x", digest.Sum64())
	return list, nil
}

func parseEntry(line string) (Entry, error) {
	text, rest, _ := strings.Cut(line, "\t")
	source, count, ok := strings.Cut(rest, "\t")
	switch {
	case !ok:
		return Entry{}, fmt.Errorf("want text, source and count, with tabs between them")
	case strings.TrimSpace(text) == "":
		return Entry{}, fmt.Errorf("the entry is empty")
	case len(text) > maxEntryBytes:
		return Entry{}, fmt.Errorf("the entry has %d bytes, more than %d", len(text), maxEntryBytes)
	case !utf8.ValidString(text):
		return Entry{}, fmt.Errorf("the entry is not valid UTF-8")
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("the count %q is not a number", count)
	}
	return Entry{text, source, n}, nil
}

// Name is the text of the entry with this id, or "" where the list has none.
func (l *List) Name(id uint32) string {
	if int(id) >= len(l.Entries) {
		return ""
	}
	return l.Entries[id].Text
}

// Texts lists the entries' texts; an entry's id is its index.
func (l *List) Texts() []string {
	texts := make([]string, len(l.Entries))
	for i, e := range l.Entries {
		texts[i] = e.Text
	}
	return texts
}
