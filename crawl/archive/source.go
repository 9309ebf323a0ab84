package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"

	"github.com/pairloom/pairloom/crawl/gate"
)

// A Source is one archive: a file, or an address that one is read from.
type Source struct {
	Path string
	URL  string // "" for a file
}

// Name is that of the file alone, which candidates keep.
func (s Source) Name() string {
	if s.URL != "" {
		if u, err := url.Parse(s.URL); err == nil {
			return path.Base(u.Path)
		}
	}
	return filepath.Base(s.Path)
}

// String is what people know it by.
func (s Source) String() string {
	if s.URL != "" {
		return s.URL
	}
	return s.Path
}

// fingerprintBytes at both ends of a file tell it from another of its name and size.
const fingerprintBytes = 64 << 10

// Fingerprint tells the file from others: name, length and both ends; or the
// address. It is what a run that was stopped knows a finished archive by.
func (s Source) Fingerprint() (uint64, error) {
	d := xxhash.New()
	if s.URL != "" {
		fmt.Fprintf(d, "%s", s.URL)
		return d.Sum64(), nil
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no file", s.Path)
	}
	fmt.Fprintf(d, "%s\n%d\n", s.Name(), info.Size())
	for _, at := range []int64{0, max(0, info.Size()-fingerprintBytes)} {
		if _, err := io.Copy(d, io.NewSectionReader(f, at, fingerprintBytes)); err != nil {
			return 0, err
		}
	}
	return d.Sum64(), nil
}

// Open opens the archive from its beginning; g is needed for an address alone.
// size is -1 when it is not known.
func (s Source) Open(ctx context.Context, g *gate.Gate) (in io.ReadCloser, size int64, err error) {
	if s.URL != "" {
		r, err := newRangeReader(ctx, g, s.URL)
		if err != nil {
			return nil, 0, err
		}
		return r, r.size, nil
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// HoldsRobots tells whether to look through the archive for robots.txt files before
// its pages are read. Files on disk are cheap to look through; of those that lie
// elsewhere only Common Crawl's folders of robots.txt files are.
func (s Source) HoldsRobots() bool { return s.URL == "" || strings.Contains(s.URL, "/robotstxt/") }

// maxListBytes is read of a list of archives.
const maxListBytes = 256 << 20

// Sources are the archives that arguments name, in order, each once: a file, a
// pattern with * or ?, an address, a list of any of these, a line each, plain or
// gzip, or - for such a list on stdin. What a list names relatively lies below base,
// an address, if there is one, else beside the list (of stdin: in the present
// folder).
func Sources(args []string, stdin io.Reader, base string) ([]Source, error) {
	e := expansion{base: base, seen: map[Source]bool{}}
	if base != "" {
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("the base address %q must be a whole http or https address", base)
		}
		if !strings.HasSuffix(e.base, "/") {
			e.base += "/"
		}
	}
	for _, arg := range args {
		var err error
		if arg == "-" {
			err = e.list("stdin", ".", stdin)
		} else {
			err = e.argument(arg, ".")
		}
		if err != nil {
			return nil, err
		}
	}
	if len(e.all) == 0 {
		return nil, errors.New("no archive is named")
	}
	return e.all, nil
}

type expansion struct {
	base string
	all  []Source
	seen map[Source]bool
}

func (e *expansion) add(s Source) {
	if !e.seen[s] {
		e.seen[s] = true
		e.all = append(e.all, s)
	}
}

// argument takes in one name, in a folder unless it is absolute.
func (e *expansion) argument(name, folder string) error {
	if isAddress(name) {
		e.add(Source{URL: name})
		return nil
	}
	at := name
	if !filepath.IsAbs(at) {
		at = filepath.Join(folder, at)
	}
	names := []string{at}
	if _, err := os.Lstat(at); errors.Is(err, os.ErrNotExist) && strings.ContainsAny(name, "*?[") {
		if names, err = filepath.Glob(at); err != nil {
			return fmt.Errorf("pattern %s: %w", name, err)
		}
		if len(names) == 0 {
			return fmt.Errorf("no file fits the pattern %s", name)
		}
		slices.Sort(names)
	}
	for _, name := range names {
		isList, err := isList(name)
		if err != nil {
			return err
		}
		if !isList {
			e.add(Source{Path: filepath.Clean(name)})
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = e.list(name, filepath.Dir(name), f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func isAddress(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// list takes in the lines of a list.
func (e *expansion) list(name, folder string, in io.Reader) error {
	b := bufio.NewReader(in)
	if magic, _ := b.Peek(longestMagic); codingOf(magic) == gzipped {
		z, err := gzip.NewReader(b)
		if err != nil {
			return fmt.Errorf("list %s: %w", name, err)
		}
		b = bufio.NewReader(z)
	}
	text, err := io.ReadAll(io.LimitReader(b, maxListBytes+1))
	if err != nil {
		return fmt.Errorf("list %s: %w", name, err)
	}
	if len(text) > maxListBytes {
		return fmt.Errorf("list %s is longer than %d MiB; split it", name, maxListBytes>>20)
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		entry := string(bytes.TrimSpace(line))
		switch {
		case entry == "" || entry[0] == '#':
		case e.base != "" && !isAddress(entry):
			e.add(Source{URL: e.base + strings.TrimLeft(entry, "/")})
		default:
			if err := e.argument(entry, folder); err != nil {
				return fmt.Errorf("list %s, line %d: %w; where its files lie elsewhere, name the address they lie under as the base", name, n, err)
			}
		}
	}
	return nil
}

// isList tells a list from an archive: by the name where that says it, else by what
// the file begins with.
func isList(name string) (bool, error) {
	base := strings.ToLower(filepath.Base(name))
	for _, end := range []string{".gz", ".zst", ".open"} {
		base = strings.TrimSuffix(base, end)
	}
	for _, end := range []string{".warc", ".wat", ".arc"} {
		if strings.HasSuffix(base, end) {
			_, err := os.Stat(name)
			return false, err
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	head = head[:n]
	switch codingOf(head) {
	case zstandard, skippable:
		return false, nil
	case gzipped:
		z, err := gzip.NewReader(bytes.NewReader(head))
		if err != nil {
			return false, nil
		}
		inner := make([]byte, 512)
		n, _ := io.ReadFull(z, inner)
		head = inner[:n]
	}
	return len(head) > 0 && !beginsRecord(head) && !bytes.ContainsRune(head, 0), nil
}
