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
	f, info, err := openFile(s.Path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
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
	f, info, err := openFile(s.Path)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// ErrNoFile is the error of a name that is a folder, a pipe or a device.
var ErrNoFile = errors.New("is no file")

// openFile opens a file. What else a name may be is not opened: a pipe would wait
// for its other end, for ever perhaps.
func openFile(name string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s %w", name, ErrNoFile)
	}
	f, err := os.Open(name)
	return f, info, err
}

// HoldsRobots tells whether to look through the archive for robots.txt files before
// its pages are read. Files on disk are cheap to look through; of those that lie
// elsewhere only Common Crawl's folders of robots.txt files are.
func (s Source) HoldsRobots() bool { return s.URL == "" || strings.Contains(s.URL, "/robotstxt/") }

const (
	maxListBytes = 256 << 20 // of one list of archives
	maxListDepth = 8         // of lists within lists
)

// Sources are the archives that arguments name, in order, each once: a file, a
// pattern with * or ?, an address, a list of any of these, a line each, plain or
// gzip, or - for such a list on stdin. What a list names relatively lies below base,
// an address, if there is one, else beside the list (of stdin: in the present
// folder). A file that is there and cannot be opened is an archive, whose Open says
// why it cannot be read.
func Sources(args []string, stdin io.Reader, base string) ([]Source, error) {
	e := expansion{base: base, seen: map[Source]bool{}, read: map[string]bool{}}
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
		switch arg {
		case "":
			err = errors.New("one of the names is empty")
		case "-":
			err = e.list("stdin", ".", stdin)
		default:
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

	read  map[string]bool // the lists, by name: none says more the second time
	under []os.FileInfo   // the lists under way, each named by the one before
}

func (e *expansion) add(s Source) {
	if !e.seen[s] {
		e.seen[s] = true
		e.all = append(e.all, s)
	}
}

var errNoneFits = errors.New("no file fits")

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
			return fmt.Errorf("%w the pattern %s", errNoneFits, name)
		}
		slices.Sort(names)
	}
	for _, name := range names {
		name = filepath.Clean(name)
		isList, err := isList(name)
		if err != nil {
			return err
		}
		if !isList {
			e.add(Source{Path: name})
		} else if err := e.listFile(name); err != nil {
			return err
		}
	}
	return nil
}

// listFile takes in a list that is a file.
func (e *expansion) listFile(name string) error {
	f, info, err := openFile(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if slices.ContainsFunc(e.under, func(above os.FileInfo) bool { return os.SameFile(above, info) }) {
		return fmt.Errorf("list %s is named by itself, or by a list that it names; take that line out", name)
	}
	if e.read[name] {
		return nil
	}
	if len(e.under) == maxListDepth {
		return fmt.Errorf("list %s lies within %d others, more than are followed; name it by itself", name, maxListDepth)
	}
	e.read[name] = true
	e.under = append(e.under, info)
	err = e.list(name, filepath.Dir(name), f)
	e.under = e.under[:len(e.under)-1]
	return err
}

func isAddress(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// list takes in the lines of a list.
func (e *expansion) list(name, folder string, in io.Reader) error {
	b := bufio.NewReader(in)
	if head, _ := b.Peek(longestMagic); codingOf(head) == gzipped {
		z, err := gzip.NewReader(b)
		if err != nil {
			return fmt.Errorf("list %s: %w", name, err)
		}
		b = bufio.NewReader(z)
	}
	if head, _ := b.Peek(len("filedesc://")); beginsRecord(head) || codingOf(head) != plain {
		return fmt.Errorf("%s is an archive, not a list of archives; keep it in a file and name that", name)
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
			e.add(Source{URL: e.base + withoutDots(entry)})
		default:
			err := e.argument(entry, folder)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNoneFits) {
				err = fmt.Errorf("%w; where the list's files lie elsewhere, name the address they lie under with --base-url", err)
			}
			if err != nil {
				return fmt.Errorf("list %s, line %d: %w", name, n, err)
			}
		}
	}
	return nil
}

// withoutDots is a path below a base without its segments . and .. (RFC 3986, 5.2.4),
// so that a file has one address. Empty segments stay: to a store of objects they
// are part of a name.
func withoutDots(entry string) string {
	var kept []string
	for segment := range strings.SplitSeq(strings.TrimLeft(entry, "/"), "/") {
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	return strings.Join(kept, "/")
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
			if errors.Is(err, os.ErrPermission) {
				return false, nil
			}
			return false, err
		}
	}
	f, _, err := openFile(name)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, ErrNoFile) {
		return false, nil
	}
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
