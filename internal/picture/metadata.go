package picture

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxStatement is the most of a licence or a credit that is kept, in bytes.
const maxStatement = 500

// tags of a TIFF directory (TIFF 6.0; EXIF 2.3; XMP part 3; TIFF technical note on IPTC).
const (
	tagOrientation = 0x0112
	tagArtist      = 0x013b
	tagXMP         = 0x02bc
	tagCopyright   = 0x8298
	tagIPTC        = 0x83bb
)

// exifFacts are what is read of EXIF.
type exifFacts struct {
	turn              int // 1 to 8
	artist, copyright string
	xmp, iptc         []byte
}

// readEXIF reads the first directory of a TIFF structure.
func readEXIF(b []byte) exifFacts {
	f := exifFacts{turn: 1}
	if len(b) < 8 {
		return f
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(b[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return f
	}
	at := int64(order.Uint32(b[4:]))
	if at < 8 || at+2 > int64(len(b)) {
		return f
	}
	entries := int64(order.Uint16(b[at:]))
	for i := range entries {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			return f
		}
		tag, kind, count := order.Uint16(b[e:]), order.Uint16(b[e+2:]), int64(order.Uint32(b[e+4:]))
		value := func() []byte { // of bytes or text; of longs, for IPTC
			n := count
			if kind == 4 {
				n *= 4
			}
			from := e + 8
			if n > 4 {
				from = int64(order.Uint32(b[e+8:]))
			}
			if n > maxMetadata || from > int64(len(b)) || n > int64(len(b))-from {
				return nil
			}
			return b[from : from+n]
		}
		switch tag {
		case tagOrientation:
			if v := int(order.Uint16(b[e+8:])); kind == 3 && count == 1 && v >= 1 && v <= 8 {
				f.turn = v
			}
		case tagArtist:
			f.artist = legacy(value())
		case tagCopyright: // the photographer's, then the editor's
			f.copyright = legacy(bytes.ReplaceAll(bytes.Trim(value(), "\x00 "), []byte{0}, []byte("; ")))
		case tagXMP:
			f.xmp = value()
		case tagIPTC:
			f.iptc = value()
		}
	}
	return f
}

// legacy is a text of which the encoding is not told: UTF-8 where it is that.
func legacy(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	if utf8.Valid(b) {
		return string(b)
	}
	return latin1(b)
}

// iptcFacts are what is read of IPTC's records (IIM 4, record 2): by-line, credit,
// copyright notice.
type iptcFacts struct{ byline, credit, copyright string }

func readIPTC(b []byte) (f iptcFacts) {
	for len(b) >= 5 && b[0] == 0x1c {
		record, dataset, n := b[1], b[2], int(binary.BigEndian.Uint16(b[3:]))
		if n&0x8000 != 0 || n > len(b)-5 {
			return f
		}
		value := legacy(b[5 : 5+n])
		b = b[5+n:]
		if record != 2 {
			continue
		}
		switch dataset {
		case 80:
			f.byline = joined(f.byline, value)
		case 110:
			f.credit = value
		case 116:
			f.copyright = value
		}
	}
	return f
}

// xmpFacts are what is read of XMP.
type xmpFacts struct {
	license, statement, rights, creator, credit string
}

// xmpNames says which property an element or attribute is, by local name and a part of
// its namespace's address.
var xmpNames = []struct {
	local, space string
	of           func(*xmpFacts) *string
}{
	{"license", "creativecommons.org/ns", func(f *xmpFacts) *string { return &f.license }},
	{"license", "web.resource.org/cc", func(f *xmpFacts) *string { return &f.license }},
	{"licenseurl", "ns.useplus.org", func(f *xmpFacts) *string { return &f.license }},
	{"webstatement", "ns.adobe.com/xap/1.0/rights", func(f *xmpFacts) *string { return &f.statement }},
	{"usageterms", "ns.adobe.com/xap/1.0/rights", func(f *xmpFacts) *string { return &f.rights }},
	{"rights", "purl.org/dc/elements", func(f *xmpFacts) *string { return &f.rights }},
	{"creator", "purl.org/dc/elements", func(f *xmpFacts) *string { return &f.creator }},
	{"credit", "ns.adobe.com/photoshop", func(f *xmpFacts) *string { return &f.credit }},
}

func (f *xmpFacts) property(n xml.Name) *string {
	for _, p := range xmpNames {
		if strings.EqualFold(n.Local, p.local) && strings.Contains(n.Space, p.space) {
			return p.of(f)
		}
	}
	return nil
}

// readXMP reads RDF without its grammar: the texts within an element that has one of
// the names, and the attributes that do. It ends at what is no XML.
func readXMP(b []byte) (f xmpFacts) {
	if len(b) > maxMetadata {
		return f
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	depth, inside := 0, 0 // inside is the depth of the element whose text is read
	var to *string
	for {
		token, err := d.Token()
		if err != nil {
			return f
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			for _, a := range t.Attr {
				if p := f.property(a.Name); p != nil && *p == "" {
					*p = a.Value
				}
				if to != nil && a.Name.Local == "resource" {
					*to = joined(*to, a.Value)
				}
			}
			if p := f.property(t.Name); p != nil && to == nil && *p == "" {
				to, inside = p, depth
				for _, a := range t.Attr {
					if a.Name.Local == "resource" {
						*to = a.Value
					}
				}
			}
		case xml.EndElement:
			if to != nil && depth == inside {
				to = nil
			}
			depth--
		case xml.CharData:
			if to != nil && len(*to) < maxStatement {
				*to = joined(*to, statement(string(t)))
			}
		}
	}
}

// joined puts a second text behind a first, unless it is in there.
func joined(a, b string) string {
	switch {
	case b == "" || strings.Contains(a, b):
		return a
	case a == "" || strings.Contains(b, a):
		return b
	}
	return a + "; " + b
}

// statement makes clean UTF-8 on one line of a text, at most maxStatement bytes.
func statement(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxStatement {
		n := maxStatement
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return s
}

// claims are what a picture's own metadata say of its licence and its makers.
func (c *container) claims(exif exifFacts) (license, credit string) {
	if c.xmp == nil {
		c.xmp = exif.xmp
	}
	if c.iptc == nil {
		c.iptc = exif.iptc
	}
	x, i := readXMP(c.xmp), readIPTC(c.iptc)
	for _, s := range []string{x.license, x.statement, x.rights} { // a URL first
		if license = statement(s); license != "" {
			break
		}
	}
	for _, s := range []string{
		first(x.creator, i.byline, exif.artist, c.text[0]), first(x.credit, i.credit),
		first(exif.copyright, i.copyright, c.text[1], x.rights),
	} {
		if s = statement(s); s != license {
			credit = joined(credit, s)
		}
	}
	return license, statement(credit)
}

// first is the first text that is not blank.
func first(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// Turned tells whether the metadata of a picture of the web's formats turn or mirror
// what its pixels show (EXIF 2.32, tag 0x0112).
func Turned(b []byte) bool {
	name, _, _ := format(b)
	return readEXIF(readContainer(name, b).exif).turn != 1
}
