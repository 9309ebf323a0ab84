package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/net/html"
)

// writeWAT writes a WAT file in Common Crawl's form from a WARC file of wget's: a
// member a record, as in the fixtures of npm's package warc 1.0.1, for each record
// one of metadata with what its headers said and, of HTML pages, head and links.
// It reads only what wget writes, and shares no code with what is measured.
func writeWAT(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	defer out.Close()
	buffered := bufio.NewWriterSize(out, 1<<20)
	w := &watWriter{out: buffered, zip: gzip.NewWriter(nil), name: filepath.Base(source)}
	if err := w.member("warcinfo", w.name, "2026-01-01T00:00:00Z", "application/warc-fields", []byte("format: WARC File Format 1.0\r\n")); err != nil {
		return err
	}
	zip, err := gzip.NewReader(bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(zip, 1<<20)
	for {
		header, block, err := nextRecord(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := w.record(header, block); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// nextRecord reads one record of a stream without faults.
func nextRecord(r *bufio.Reader) (map[string]string, []byte, error) {
	header := map[string]string{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" && len(header) > 0 {
			break
		}
		if key, value, ok := strings.Cut(line, ":"); ok {
			// The name stands for the loopback server's address: real pages have names.
			header[key] = loopback.ReplaceAllString(strings.Trim(value, " <>"), "http://docs.example.org/")
		}
	}
	n, err := strconv.Atoi(header["Content-Length"])
	if err != nil {
		return nil, nil, err
	}
	block := make([]byte, n)
	_, err = io.ReadFull(r, block)
	return header, block, err
}

var loopback = regexp.MustCompile(`^http://127\.0\.0\.1:[0-9]+/`)

type object = map[string]any

type watWriter struct {
	out  *bufio.Writer
	zip  *gzip.Writer
	name string
}

func (w *watWriter) member(kind, uri, date, contentType string, block []byte) error {
	w.zip.Reset(w.out)
	fmt.Fprintf(w.zip, "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: %s\r\nWARC-Date: %s\r\nWARC-Record-ID: <urn:uuid:ae23f03c-932b-4767-8a47-199f1284a282>\r\nWARC-Refers-To: <urn:uuid:cf083d66-9910-45e2-b5be-a421f9889aac>\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		kind, uri, date, contentType, len(block))
	w.zip.Write(block)
	w.zip.Write([]byte("\r\n\r\n"))
	return w.zip.Close()
}

func (w *watWriter) record(header map[string]string, block []byte) error {
	payload := object{"Trailing-Slop-Length": "4", "Actual-Content-Type": header["Content-Type"]}
	switch header["WARC-Type"] {
	case "response":
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(block)), nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		headers := map[string]string{}
		for key := range resp.Header {
			headers[key] = resp.Header.Get(key)
		}
		meta := object{
			"Response-Message": object{"Version": "HTTP/1.1", "Status": strconv.Itoa(resp.StatusCode), "Reason": "OK"},
			"Headers-Length":   strconv.Itoa(len(block) - len(body)), "Headers": headers, "Entity-Length": strconv.Itoa(len(body)),
			"Entity-Digest": digest(body), "Entity-Trailing-Slop-Length": "0",
		}
		if strings.Contains(resp.Header.Get("Content-Type"), "html") {
			meta["HTML-Metadata"] = htmlMetadata(body)
		}
		payload["HTTP-Response-Metadata"] = meta
	case "request":
		payload["HTTP-Request-Metadata"] = object{
			"Headers": object{"Accept": "*/*", "User-Agent": "Wget"}, "Headers-Length": strconv.Itoa(len(block)), "Entity-Length": "0",
			"Request-Message": object{"Method": "GET", "Version": "HTTP/1.1", "Path": "/"},
		}
	}
	entry := object{
		"Container": object{"Filename": w.name, "Compressed": true, "Offset": "0", "Gzip-Metadata": object{"Inflated-Length": "0", "Footer-Length": "8", "Header-Length": "10"}},
		"Envelope": object{
			"Format": "WARC", "WARC-Header-Length": "400", "Actual-Content-Length": strconv.Itoa(len(block)),
			"WARC-Header-Metadata": header, "Block-Digest": digest(block), "Payload-Metadata": payload,
		},
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(entry); err != nil {
		return err
	}
	uri := header["WARC-Target-URI"]
	if uri == "" {
		uri = w.name
	}
	return w.member("metadata", uri, header["WARC-Date"], "application/json", text.Bytes())
}

func digest(data []byte) string {
	sum := sha1.Sum(data)
	return "sha1:" + base32.StdEncoding.EncodeToString(sum[:])
}

// places are the attributes by which elements link.
var places = map[string]string{"a": "href", "area": "href", "img": "src", "link": "href", "script": "src", "form": "action", "iframe": "src"}

// htmlMetadata reads head and links.
func htmlMetadata(body []byte) object {
	head := object{}
	var metas, scripts, styles, links []map[string]string
	var anchor map[string]string // open a element
	title := false
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			for key, list := range map[string][]map[string]string{"Metas": metas, "Scripts": scripts, "Link": styles} {
				if list != nil {
					head[key] = list
				}
			}
			found := object{"Head": head}
			if links != nil {
				found["Links"] = links
			}
			return found
		case html.TextToken:
			text := strings.Join(strings.Fields(string(z.Text())), " ")
			if title && text != "" {
				head["Title"] = text
			}
			if anchor != nil && text != "" {
				anchor["text"] = strings.TrimSpace(anchor["text"] + " " + text)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			title = false
			if string(name) == "a" {
				anchor = nil
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			attributes := map[string]string{}
			for _, a := range t.Attr {
				attributes[a.Key] = a.Val
			}
			switch key := places[t.Data]; {
			case t.Data == "title":
				title = true
			case t.Data == "meta":
				metas = append(metas, attributes)
			case t.Data == "base" && attributes["href"] != "":
				head["Base"] = attributes["href"]
			case attributes[key] != "":
				entry := map[string]string{"path": strings.ToUpper(t.Data) + "@/" + key, "url": attributes[key]}
				for _, more := range []string{"alt", "title", "rel", "type", "method", "target"} {
					if value, ok := attributes[more]; ok {
						entry[more] = value
					}
				}
				switch t.Data {
				case "script":
					scripts = append(scripts, entry)
				case "link":
					styles = append(styles, entry)
				case "a":
					anchor = entry
					fallthrough
				default:
					links = append(links, entry)
				}
			}
		}
	}
}
