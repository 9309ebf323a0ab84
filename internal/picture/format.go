package picture

import "bytes"

// format names what the first bytes of a picture say it is. known is false for
// bytes of no format in the list; decodable is false for formats that are
// recognised only to be refused by name.
func format(b []byte) (name string, known, decodable bool) {
	has := func(off int, magic string) bool {
		return len(b) >= off+len(magic) && string(b[off:off+len(magic)]) == magic
	}
	switch {
	case has(0, "\xff\xd8\xff"):
		return "jpeg", true, true
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "png", true, true
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return "gif", true, true
	case has(0, "RIFF") && has(8, "WEBP"):
		return "webp", true, true
	case has(4, "ftypavif"), has(4, "ftypavis"):
		return "avif", true, true
	case has(0, "II*\x00"), has(0, "MM\x00*"):
		return "tiff", true, true
	case has(4, "ftypheic"), has(4, "ftypheix"), has(4, "ftypmif1"), has(4, "ftypmsf1"):
		return "heif", true, false
	case has(0, "BM"):
		return "bmp", true, false
	case has(0, "\x00\x00\x01\x00"):
		return "ico", true, false
	case has(0, "\xff\x0a"), has(0, "\x00\x00\x00\x0cJXL "):
		return "jxl", true, false
	case has(0, "\x00\x00\x00\x0cjP  "), has(0, "\xff\x4f\xff\x51"):
		return "jp2", true, false
	case has(0, "8BPS"):
		return "psd", true, false
	case has(0, "%PDF"):
		return "pdf", true, false
	case has(0, "%!PS"):
		return "postscript", true, false
	}
	head := b[:min(len(b), 1024)]
	if bytes.Contains(head, []byte("<svg")) {
		return "svg", true, false
	}
	return "", false, false
}
