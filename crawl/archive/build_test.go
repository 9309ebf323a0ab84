package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

const testDate = "2024-05-06T07:08:09Z"

// warc is a record as a WARC file has it.
func warc(kind, uri, contentType, block string) string {
	return warcOf(kind, uri, contentType, block, len(block))
}

func warcOf(kind, uri, contentType, block string, length int) string {
	return fmt.Sprintf("WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: %s\r\nWARC-Date: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n",
		kind, uri, testDate, contentType, length, block)
}

// page is a response record whose page has one picture, named after the address.
func page(uri string, headers ...string) string {
	return warc("response", uri, "application/http; msgtype=response", httpPage(uri, headers...))
}

func httpPage(uri string, headers ...string) string {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "\r\n" + pageBody(uri)
}

func pageBody(uri string) string {
	return "<html><p>" + strings.Repeat("Some words on foxes. ", 20) + `<img src="fox.jpg" alt="A fox at ` + uri[strings.LastIndexByte(uri, '/')+1:] + `"></html>`
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func gzAll(records ...string) (file string) {
	for _, r := range records {
		file += gz(r)
	}
	return file
}

func zst(t *testing.T, s string, dict []byte) string {
	t.Helper()
	options := []zstd.EOption{zstd.WithEncoderConcurrency(1)}
	if dict != nil {
		options = append(options, zstd.WithEncoderDict(dict))
	}
	w, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func skippableFrame(magic uint32, content string) string {
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	return string(b) + content
}

// read is all that a file gives: "uri@offset" of its records, then reason@offset of
// what is none.
func read(t *testing.T, file string) (records, broken []string) {
	t.Helper()
	r := NewReader(strings.NewReader(file), func(reason string, at int64) { broken = append(broken, fmt.Sprintf("%s@%d", reason, at)) })
	defer r.Close()
	for {
		record, err := r.Next()
		if err == io.EOF {
			return records, broken
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, fmt.Sprintf("%s@%d", record.URI, record.Offset))
	}
}

func testOptions() Options {
	return Options{Token: "pairloom", Respect: append(optout.Words(), "robots"), Policies: true, MaxPageBytes: 5 << 20, Now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// extract reads a file with the robots.txt files in it, as a run does.
func extract(t *testing.T, file string) ([]shard.Candidate, *shard.Tally) {
	t.Helper()
	robots, err := NewRobots("pairloom", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer robots.Close()
	if err := NewExtractor(testOptions(), nil).ScanRobots(t.Context(), strings.NewReader(file), robots.Add); err != nil {
		t.Fatal(err)
	}
	tally := shard.NewTally("archive", "records", "candidates")
	r := NewReader(strings.NewReader(file), func(reason string, _ int64) { tally.Drop(reason) })
	defer r.Close()
	x := NewExtractor(testOptions(), robots)
	var all []shard.Candidate
	for {
		record, err := r.Next()
		if err == io.EOF {
			return all, tally
		}
		if err != nil {
			t.Fatal(err)
		}
		list, reason := x.Record(record, "a.warc.gz")
		if reason != "" {
			tally.Drop(reason)
			continue
		}
		tally.Keep()
		all = append(all, list...)
	}
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
