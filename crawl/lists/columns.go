package lists

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/spelling"
)

// Names that public lists give their columns (CC3M, CC12M, LAION, COYO, DataComp, SBU,
// YFCC, RedCaps and what people make of them); the first that a file has counts, in
// either case.
var (
	urlNames      = []string{"url", "image_url", "imageurl", "img_url", "image_link", "photo_image_url", "picture_url", "photo_url", "original_url", "link", "href", "uri", "image", "img", "picture"}
	textNames     = []string{"text", "caption", "captions", "alt", "alt_text", "alttext", "raw_caption", "caption_reference_description", "title", "description", "photo_description", "sentence", "prompt"}
	pageNames     = []string{"page_url", "page", "source_page", "landing_url"}
	licenseNames  = []string{"license", "licence", "license_url"}
	languageNames = []string{"language", "lang"}
	fileNames     = []string{"file_name", "filename", "image_path", "path"}
	// pictureNames are those of embedded pictures, bare or as a struct of bytes and path.
	pictureNames = []string{"image", "img", "picture", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes"}
)

// mostColumns bounds the columns of a file.
const mostColumns = 10_000

// A NoColumnError says that none of a file's columns has a name that is known of the
// texts, or of the addresses where no column of pictures is known either.
type NoColumnError struct {
	Text bool   // it is the texts
	Have string // the columns that there are
}

func (e *NoColumnError) Error() string {
	of, names, flag := "addresses", urlNames, "--url-col"
	if e.Text {
		of, names, flag = "texts", textNames, "--text-col"
	}
	return fmt.Sprintf("none of its columns has a name that lists give to %s (%s); it has %s; name the column with %s", of, strings.Join(names[:3], ", "), e.Have, flag)
}

// Names are the first of those that the column may have: of texts, or else of pictures.
func (e *NoColumnError) Names() string {
	names := pictureNames
	if e.Text {
		names = textNames
	}
	return strings.Join(names[:3], ", ")
}

// columns are what a file's columns mean, as their places in it; -1 is none.
type columns struct {
	url, text, page, license, language, file, key int
	names                                         []string
	keep                                          []int
}

// find is the place of the first of the names, -1 for none.
func find(have, names []string) int {
	for _, name := range names {
		if i := slices.IndexFunc(have, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) }); i >= 0 {
			return i
		}
	}
	return -1
}

// named is the place of a column by the name or number that a user gave, or the error
// that says what there is.
func named(have []string, name string) (int, error) {
	if i := slices.Index(have, name); i >= 0 {
		return i, nil
	}
	if i := find(have, []string{name}); i >= 0 {
		return i, nil
	}
	hint := ""
	if near := spelling.Nearest(name, have, 3); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return -1, fmt.Errorf("it has no column %s, only %s%s", name, listed(have), hint)
}

// listed names columns, the first 20.
func listed(have []string) string {
	if len(have) == 0 {
		return "none"
	}
	text := strings.ToValidUTF8(strings.Join(have[:min(len(have), 20)], ", "), "?")
	if len(text) > 600 {
		text = strings.ToValidUTF8(text[:600], "") + "..."
	}
	if len(have) > 20 {
		text += fmt.Sprintf(" and %d more", len(have)-20)
	}
	return text
}

// pictures are the names that a column of embedded pictures may have.
func (o *Options) pictures() []string {
	if o.PictureColumn != "" {
		return []string{o.PictureColumn}
	}
	return pictureNames
}

// columnsOf says what the columns of these names mean. needURL and needText tell
// whether a file without such a column is an error.
func (o *Options) columnsOf(have []string, needURL, needText bool) (c columns, err error) {
	if len(have) > mostColumns {
		return c, fmt.Errorf("it has %d columns, %d are the most", len(have), mostColumns)
	}
	c = columns{names: have, page: find(have, pageNames), license: find(have, licenseNames), language: find(have, languageNames), file: find(have, fileNames), key: find(have, []string{"key", "__key__"})}
	if c.url = find(have, urlNames); o.URLColumn != "" {
		if c.url, err = named(have, o.URLColumn); err != nil {
			return c, err
		}
	}
	if c.text = find(have, textNames); o.TextColumn != "" {
		if c.text, err = named(have, o.TextColumn); err != nil {
			return c, err
		}
	}
	if c.url < 0 && needURL {
		return c, &NoColumnError{Have: listed(have)}
	}
	if c.text < 0 && needText {
		return c, &NoColumnError{Text: true, Have: listed(have)}
	}
	for _, name := range o.Keep {
		i, err := named(have, name)
		if err != nil {
			return c, err
		}
		c.keep = append(c.keep, i)
	}
	if o.KeepAll {
		for i := range have {
			if i != c.url && i != c.text {
				c.keep = append(c.keep, i)
			}
		}
	}
	return c, nil
}
