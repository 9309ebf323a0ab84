package archive

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

const (
	writerFileBytes = 1 << 30 // a file that has as many is followed by a new one
	writtenEnd      = ".warc.gz"
	unfinishedEnd   = writtenEnd + ".open" // of the file that is being written
)

// Writer writes what a crawl asked and was answered to WARC 1.0 files, a gzip member a
// record: pairloom-TIME-NNNNN.warc.gz, of some 1 GB each. A file gets that name when
// it is whole; what a killed writer left is cut behind its last whole record and
// finished by the next; what was flushed is in it. It may be used by many goroutines.
type Writer struct {
	mu      sync.Mutex
	folder  string
	agent   string
	now     func() time.Time
	most    int64
	file    *os.File
	buffer  *bufio.Writer
	zip     *gzip.Writer
	written int64
	record  bytes.Buffer
	err     error // the first
}

// An Exchange is one answer to a request for a page.
type Exchange struct {
	URL    *url.URL
	Time   time.Time
	Status int
	Header http.Header // of the response
	Body   []byte      // without the codings that Header may name
	Cut    bool        // Body is not all
}

// NewWriter makes ready to write to folder, which it makes where it is missing;
// agent is the User-Agent of the requests.
func NewWriter(folder, agent string, now func() time.Time) (*Writer, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(folder, "*"+unfinishedEnd))
	if err != nil {
		return nil, err
	}
	for _, path := range left {
		if err := recoverFile(path); err != nil {
			return nil, fmt.Errorf("finish %s: %w", path, err)
		}
	}
	return &Writer{folder: folder, agent: agent, now: now, most: writerFileBytes}, nil
}

// recoverFile cuts what a killed writer left behind its last whole record.
func recoverFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	whole := int64(0)
	t := newTape(f)
	m := members{tape: t}
	for {
		in, err := m.open(gzipped)
		if err != nil {
			break
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			break
		}
		whole = t.offset()
	}
	if err := t.failure(); err != nil {
		return err
	}
	if whole == 0 { // it was killed before the first record was out
		return os.Remove(path)
	}
	if err := f.Truncate(whole); err != nil {
		return err
	}
	return finishFile(f, path)
}

// finishFile gives a file that is whole its name.
func finishFile(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(path, strings.TrimSuffix(path, unfinishedEnd)+writtenEnd); err != nil {
		return err
	}
	return atomicfile.SyncFolder(filepath.Dir(path))
}

// Write adds a request and its response. After an error nothing more is written;
// Close returns it.
func (w *Writer) Write(e Exchange) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.exchange(e)
	}
	return w.err
}

func (w *Writer) exchange(e Exchange) error {
	if w.file != nil && w.written >= w.most {
		if err := w.finish(); err != nil {
			return err
		}
	}
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	target := e.URL.String()
	var block bytes.Buffer
	fmt.Fprintf(&block, "HTTP/1.1 %d %s\r\n", e.Status, http.StatusText(e.Status))
	for _, name := range sortedNames(e.Header) {
		for _, value := range e.Header[name] {
			shown := name
			switch name {
			case "Content-Encoding", "Transfer-Encoding", "Content-Length": // undone; as Common Crawl's files have it
				shown = "X-Crawl-" + name
			}
			fmt.Fprintf(&block, "%s: %s\r\n", shown, oneLine(value))
		}
	}
	fmt.Fprintf(&block, "Content-Length: %d\r\n\r\n", len(e.Body))
	block.Write(e.Body)
	date := e.Time.UTC().Format(time.RFC3339)
	id := recordID(target, date, "response")
	more := []string{"WARC-Payload-Digest: " + sha(e.Body)}
	if e.Cut {
		more = append(more, "WARC-Truncated: length")
	}
	if err := w.add("response", target, date, id, "application/http; msgtype=response", block.Bytes(), more...); err != nil {
		return err
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n\r\n", e.URL.RequestURI(), e.URL.Host, oneLine(w.agent))
	return w.add("request", target, date, recordID(target, date, "request"), "application/http; msgtype=request", []byte(request), "WARC-Concurrent-To: "+id)
}

func sortedNames(h http.Header) []string {
	var names []string
	for name := range h {
		if !strings.HasPrefix(name, "Pairloom-") { // the gate's own, of no server
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// oneLine keeps a value from ending its line.
func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

func sha(data []byte) string {
	sum := sha1.Sum(data)
	return "sha1:" + base32.StdEncoding.EncodeToString(sum[:])
}

// recordID is a UUID of the form that RFC 9562, 5.5, makes of names.
func recordID(parts ...string) string {
	b := sha1.Sum([]byte("pairloom\x00" + strings.Join(parts, "\x00")))
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return fmt.Sprintf("<urn:uuid:%x-%x-%x-%x-%x>", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// begin opens the next file with its warcinfo.
func (w *Writer) begin() error {
	date := w.now().UTC()
	for n := 0; ; n++ {
		name := fmt.Sprintf("pairloom-%s-%05d", date.Format("20060102150405"), n)
		path := filepath.Join(w.folder, name+unfinishedEnd)
		if _, err := os.Lstat(filepath.Join(w.folder, name+writtenEnd)); err == nil {
			continue
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		w.file, w.written = f, 0
		w.buffer = bufio.NewWriterSize(f, 1<<20)
		w.zip = gzip.NewWriter(nil)
		info := "software: " + oneLine(w.agent) + "\r\nformat: WARC File Format 1.0\r\nconformsTo: http://bibnum.bnf.fr/WARC/WARC_ISO_28500_version1_latestdraft.pdf\r\n"
		return w.add("warcinfo", "", date.Format(time.RFC3339), recordID(name), "application/warc-fields", []byte(info), "WARC-Filename: "+name+writtenEnd)
	}
}

// add writes one record as a member.
func (w *Writer) add(kind, target, date, id, contentType string, block []byte, more ...string) error {
	w.record.Reset()
	fmt.Fprintf(&w.record, "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: %s\r\nWARC-Date: %s\r\n", kind, id, date)
	if target != "" {
		fmt.Fprintf(&w.record, "WARC-Target-URI: %s\r\n", target)
	}
	for _, line := range more {
		fmt.Fprintf(&w.record, "%s\r\n", line)
	}
	fmt.Fprintf(&w.record, "WARC-Block-Digest: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", sha(block), contentType, len(block))
	w.record.Write(block)
	w.record.WriteString("\r\n\r\n")
	counted := &countingWriter{w: w.buffer}
	w.zip.Reset(counted)
	if _, err := w.zip.Write(w.record.Bytes()); err != nil {
		return err
	}
	err := w.zip.Close()
	w.written += counted.n
	return err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (w *Writer) finish() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	defer f.Close()
	if err := w.buffer.Flush(); err != nil {
		return err
	}
	return finishFile(f, f.Name())
}

// Flush gives what was written to the system: it outlives the program, not the
// machine. After an error nothing more is written.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.file != nil {
		w.err = w.buffer.Flush()
	}
	return w.err
}

// Close finishes the file, and returns the first error there was.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.finish(); w.err == nil {
		w.err = err
	}
	return w.err
}
