package picture

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// exifOf is a TIFF structure with texts under tags, big-endian.
func exifOf(texts map[uint16]string, order ...uint16) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08")
	b = binary.BigEndian.AppendUint16(b, uint16(len(order)))
	at := len(b) + 12*len(order) + 4
	var tail []byte
	for _, tag := range order {
		s := texts[tag] + "\x00"
		b = binary.BigEndian.AppendUint16(b, tag)
		b = binary.BigEndian.AppendUint16(b, 2)
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		if len(s) <= 4 {
			b = append(b, (s + "\x00\x00\x00\x00")[:4]...)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(at+len(tail)))
		tail = append(tail, s...)
	}
	return append(append(b, 0, 0, 0, 0), tail...)
}

// withSegment puts a segment behind the start of a JPEG.
func withSegment(b []byte, kind byte, data string) []byte {
	seg := binary.BigEndian.AppendUint16([]byte{0xff, kind}, uint16(len(data)+2))
	return append(append(append(bytes.Clone(b[:2]), seg...), data...), b[2:]...)
}

const xmpHead = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">`

func xmpOf(inside string) string { return xmpHead + inside + "</rdf:RDF></x:xmpmeta>" }

func iptcOf(records ...string) string {
	var b []byte
	for i := 0; i < len(records); i += 2 {
		b = append(b, 0x1c, 2, records[i][0])
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(records[i+1]))), records[i+1]...)
	}
	out := append([]byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00"), binary.BigEndian.AppendUint32(nil, uint32(len(b)))...)
	return string(append(out, b...))
}

func TestClaims(t *testing.T) {
	plain := jpegOf(t, scene(20, 20))
	app1 := func(s string) []byte { return withSegment(plain, 0xe1, s) }
	xmp := func(inside string) []byte { return app1("http://ns.adobe.com/xap/1.0/\x00" + xmpOf(inside)) }
	const cc = "https://creativecommons.org/licenses/by/4.0/"
	for _, tt := range []struct {
		name            string
		b               []byte
		license, credit string
	}{
		{"nothing", plain, "", ""},
		{"EXIF artist and copyright", app1("Exif\x00\x00" + string(exifOf(map[uint16]string{tagArtist: "Ann Ape", tagCopyright: "(c) Ann"}, tagArtist, tagCopyright))), "", "Ann Ape; (c) Ann"},
		{"EXIF of three letters", app1("Exif\x00\x00" + string(exifOf(map[uint16]string{tagArtist: "Ann"}, tagArtist))), "", "Ann"},
		{"XMP licence as a resource", xmp(`<rdf:Description><cc:license rdf:resource="` + cc + `"/></rdf:Description>`), cc, ""},
		{"XMP web statement as an attribute", xmp(`<rdf:Description xmpRights:WebStatement="http://a.example/terms"/>`), "http://a.example/terms", ""},
		{"XMP rights in two languages, and a creator", xmp(`<rdf:Description><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">All  rights
			reserved</rdf:li></rdf:Alt></dc:rights><dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator></rdf:Description>`), "All rights reserved", "Ann; Bob"},
		{"a licence goes before rights, which are credit then", xmp(`<rdf:Description xmpRights:WebStatement="` + cc + `"><dc:rights>2020 Ann</dc:rights></rdf:Description>`), cc, "2020 Ann"},
		{"IPTC by-line, credit, notice", withSegment(plain, 0xed, iptcOf("\x50", "Ann", "\x6e", "Agency", "\x74", "(c) Agency 2020")), "", "Ann; Agency; (c) Agency 2020"},
		{"Latin-1 and control characters", app1("Exif\x00\x00" + string(exifOf(map[uint16]string{tagArtist: "Ren\xe9e\x01\n\tB"}, tagArtist))), "", "Renée B"},
		{"XMP that ends too early", xmp(`<rdf:Description><cc:license rdf:resource="` + cc + `"/><dc:creator><rdf:li>An</oops`), cc, "An"},
		{"a long one is cut at a character", app1("Exif\x00\x00" + string(exifOf(map[uint16]string{tagArtist: "x" + strings.Repeat("é", 400)}, tagArtist))), "", "x" + strings.Repeat("é", 249)},
		{"EXIF that points outside", app1("Exif\x00\x00MM\x00*\xff\xff\xff\xf0"), "", ""},
	} {
		res := convertBytes(tt.b)
		if res.Reason != "" || res.License != tt.license || res.Credit != tt.credit {
			t.Errorf("%s: licence %q, credit %q (%s); want %q, %q", tt.name, res.License, res.Credit, res.Reason, tt.license, tt.credit)
		}
	}
	sound := pngOf(t, scene(20, 20))
	with := func(chunks ...[]byte) []byte {
		return append(append(bytes.Clone(sound[:33]), bytes.Join(chunks, nil)...), sound[33:]...)
	}
	res := convertBytes(with(pngChunk("tEXt", []byte("Author\x00Ann")), pngChunk("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmpOf(`<rdf:Description xmpRights:WebStatement="http://a.example/"/>`)))))
	if res.License != "http://a.example/" || res.Credit != "Ann" {
		t.Errorf("PNG: licence %q, credit %q (%s)", res.License, res.Credit, res.Reason)
	}
}
