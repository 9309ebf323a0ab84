package search

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Found is a hit with what is known of it, for people.
type Found struct {
	Score    float32 `json:"score"`
	ID       string  `json:"id"` // of the pair, 16 hexadecimal digits
	Text     string  `json:"text,omitempty"`
	PageURL  string  `json:"page,omitempty"`
	ImageURL string  `json:"picture_url,omitempty"`
	File     string  `json:"file"` // the shard, or the folder or file that was embedded
	Row      uint32  `json:"row"`
	Name     string  `json:"name,omitempty"` // of the picture file
	Picture  []byte  `json:"-"`
	// MediaType is that of Picture, such as image/jpeg.
	MediaType string `json:"-"`
}

//go:embed sheet.html
var sheetHTML string

var sheetTemplate = template.Must(template.New("sheet").Funcs(template.FuncMap{
	// The bytes are encoded, so that they cannot end the attribute.
	"picture": func(mediaType string, b []byte) template.URL {
		return template.URL("data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(b))
	},
}).Parse(sheetHTML))

// WriteSheet writes a page with the pictures of an answer. It carries them
// itself and asks the network for nothing.
func WriteSheet(path, query string, rows int, found []Found) error {
	var b bytes.Buffer
	if err := sheetTemplate.Execute(&b, struct {
		Query string
		Rows  int
		Found []Found
	}{query, rows, found}); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, b.Bytes())
}
