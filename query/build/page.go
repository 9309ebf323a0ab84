package build

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// maxPageBytes bounds one page of a dump; MediaWiki itself refuses texts over
// 2 MiB, which escaping can lengthen.
const maxPageBytes = 32 << 20

// Reasons why a page is not counted.
const (
	DropNamespace      = "other_namespace"
	DropRedirect       = "redirect"
	DropDisambiguation = "disambiguation"
	DropInvalid        = "invalid_utf8"
	DropNoText         = "no_text"
)

var (
	pageOpen  = []byte("<page>")
	pageClose = []byte("</page>")
	dumpClose = []byte("</mediawiki>")
)

// splitter cuts the text of a dump into batches of whole pages.
type splitter struct {
	name  string
	buf   []byte
	last  string // title of the last whole page, for errors
	pages int64
	seen  bool // <mediawiki> was seen
	done  bool // </mediawiki> was seen
	scan  int  // buf[:scan] holds no </page>
}

// add takes a piece of text and gives each run of whole pages to emit, which
// keeps it.
func (s *splitter) add(data []byte, emit func(pages []byte) error) error {
	s.buf = append(s.buf, data...)
	if !s.seen {
		if len(s.buf) < 1024 && !bytes.Contains(s.buf, []byte("<mediawiki")) {
			return nil
		}
		if !bytes.Contains(s.buf[:min(len(s.buf), 4096)], []byte("<mediawiki")) {
			return fmt.Errorf("read %s: it does not begin with <mediawiki>: want a pages-articles XML dump, plain or .bz2", s.name)
		}
		s.seen = true
	}
	end := bytes.LastIndex(s.buf[s.scan:], pageClose)
	if end < 0 {
		s.scan = max(len(s.buf)-len(pageClose), 0)
		if len(s.buf) > maxPageBytes {
			return fmt.Errorf("read %s: no </page> in %d bytes after page %d (%q): the file is damaged; fetch it again", s.name, len(s.buf), s.pages, s.last)
		}
		s.done = s.done || bytes.Contains(s.buf, dumpClose)
		return nil
	}
	end += s.scan + len(pageClose)
	whole := bytes.Clone(s.buf[:end])
	s.buf = append(s.buf[:0], s.buf[end:]...)
	s.scan = 0
	s.pages += int64(bytes.Count(whole, pageClose))
	if i := bytes.LastIndex(whole, pageOpen); i >= 0 {
		s.last = string(element(whole[i:], "title"))
	}
	s.done = s.done || bytes.Contains(s.buf, dumpClose)
	return emit(whole)
}

// end tells whether the dump was whole.
func (s *splitter) end() error {
	switch {
	case s.done:
		return nil
	case !s.seen:
		return fmt.Errorf("read %s: it holds no <mediawiki>: want a pages-articles XML dump, plain or .bz2", s.name)
	}
	return fmt.Errorf("read %s: the dump ends without </mediawiki> after page %d (%q): it is cut; fetch it again", s.name, s.pages, s.last)
}

// element is the escaped contents of the first element of this name.
func element(page []byte, name string) []byte {
	i := bytes.Index(page, []byte("<"+name))
	if i < 0 {
		return nil
	}
	page = page[i:]
	open := bytes.IndexByte(page, '>')
	if open < 1 || page[open-1] == '/' {
		return nil
	}
	page = page[open+1:]
	end := bytes.Index(page, []byte("</"+name+">"))
	if end < 0 {
		return nil
	}
	return page[:end]
}

// pageText is the markup of an article, appended to dst, or the reason why the
// page is none. Values in a dump are escaped, so that tags can be looked for as
// bytes.
func pageText(dst, page []byte) (text []byte, drop string) {
	if string(bytes.TrimSpace(element(page, "ns"))) != "0" {
		return dst, DropNamespace
	}
	raw := element(page, "text")
	head := page
	if i := bytes.Index(page, []byte("<revision")); i >= 0 {
		head = page[:i]
	}
	title := element(head, "title")
	switch {
	case bytes.Contains(head, []byte("<redirect")):
		return dst, DropRedirect
	case len(raw) == 0:
		return dst, DropNoText
	case !utf8.Valid(raw) || !utf8.Valid(title):
		return dst, DropInvalid
	}
	dst = unescape(dst, raw)
	switch {
	case foldedPrefix(bytes.TrimLeft(dst, " \t\n"), "#redirect"):
		return dst, DropRedirect
	case disambiguates(html.UnescapeString(string(title)), dst):
		return dst, DropDisambiguation
	}
	return dst, ""
}

// unescape appends s with XML's references decoded.
func unescape(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '&')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		known := false
		for _, r := range xmlReferences {
			if len(s) >= len(r.name) && string(s[:len(r.name)]) == r.name {
				dst, s, known = append(dst, r.char), s[len(r.name):], true
				break
			}
		}
		if !known {
			dst, s = append(dst, '&'), s[1:]
		}
	}
}

var xmlReferences = []struct {
	name string
	char byte
}{{"&quot;", '"'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&#039;", '\''}, {"&apos;", '\''}}

// disambiguation are the English Wikipedia's templates that make a page a list
// of meanings, in lower case.
var disambiguation = map[string]bool{
	"disambiguation": true, "disambig": true, "disamb": true, "dab": true, "disambiguation cleanup": true,
	"hndis": true, "human name disambiguation": true, "geodis": true, "place name disambiguation": true,
	"airport disambiguation": true, "letter-number combination disambiguation": true,
	"mathematical disambiguation": true, "mathdab": true, "numberdis": true, "schooldis": true,
	"school disambiguation": true, "roaddis": true, "road disambiguation": true, "shipindex": true, "surname disambiguation": true,
	"letter disambiguation": true, "letterdisambig": true, "callsigndis": true, "call sign disambiguation": true,
	"church disambiguation": true, "hospital disambiguation": true, "species latin name disambiguation": true,
	"station disambiguation": true, "chinese title disambiguation": true, "phonetics disambiguation": true,
}

func disambiguates(title string, text []byte) bool {
	if strings.HasSuffix(title, "(disambiguation)") {
		return true
	}
	for {
		i := bytes.Index(text, []byte("{{"))
		if i < 0 {
			return false
		}
		text = text[i+2:]
		head := text[:min(len(text), 64)]
		if end := bytes.IndexAny(head, "|}\n{"); end > 0 {
			name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(string(head[:end]))), "_", " ")
			if disambiguation[name] {
				return true
			}
		}
	}
}
