package picture

import "bytes"

// vipsLoaders are the loaders of libvips, by format, that what is not decoded here
// goes to.
var vipsLoaders = map[string]string{
	"png": "png", "gif": "gif", "webp": "webp", "tiff": "tiff", "avif": "heif", "heic": "heif", "jp2": "jp2k",
}

// refusals say why formats that are recognised are not decoded.
var refusals = map[string]string{
	"svg":        "svg is not decoded: it is a program that draws, and may ask for other files",
	"jxl":        "jxl is not decoded",
	"psd":        "psd is not decoded",
	"pdf":        "pdf is not decoded: it is a document",
	"postscript": "postscript is not decoded: it is a program",
}

// format names what the first bytes of a picture say it is. known is false for bytes
// of no format in the list; refusal is a sentence for formats that are recognised only
// to be refused by name.
func format(b []byte) (name string, known bool, refusal string) {
	name = sniff(b)
	return name, name != "", refusals[name]
}

func sniff(b []byte) string {
	has := func(off int, magic string) bool {
		return len(b) >= off+len(magic) && string(b[off:off+len(magic)]) == magic
	}
	switch {
	case has(0, "\xff\xd8\xff"):
		return "jpeg"
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "png"
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return "gif"
	case has(0, "RIFF") && has(8, "WEBP"):
		return "webp"
	case has(4, "ftyp"):
		return heifKind(b)
	case has(0, "II*\x00"), has(0, "MM\x00*"):
		return "tiff"
	case has(0, "BM"):
		return "bmp"
	case has(0, "\x00\x00\x01\x00"):
		return "ico"
	case has(0, "\xff\x0a"), has(0, "\x00\x00\x00\x0cJXL "):
		return "jxl"
	case has(0, "\x00\x00\x00\x0cjP  "), has(0, "\xff\x4f\xff\x51"):
		return "jp2"
	case has(0, "8BPS"):
		return "psd"
	case has(0, "%PDF"):
		return "pdf"
	case has(0, "%!PS"):
		return "postscript"
	}
	if bytes.Contains(b[:min(len(b), 1024)], []byte("<svg")) {
		return "svg"
	}
	return ""
}

// heifKind tells AVIF and HEIC apart by the brands of the file (ISO/IEC 14496-12,
// 4.3): its own, and where that is the container's in general, those that it is
// compatible with. Others of the family are films.
func heifKind(b []byte) string {
	n := min(len(b), 128)
	if size := int(b[2])<<8 | int(b[3]); b[0] == 0 && b[1] == 0 {
		n = min(n, size)
	}
	for at := 8; at+4 <= n; at += 4 {
		if at == 12 {
			continue // the version
		}
		switch string(b[at : at+4]) {
		case "avif", "avis":
			return "avif"
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return "heic"
		}
	}
	return ""
}

// heifEXIF takes off what stands before the TIFF structure in an Exif item.
func heifEXIF(b []byte) []byte { return bytes.TrimPrefix(b, []byte("Exif\x00\x00")) }
