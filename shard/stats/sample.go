package stats

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"html/template"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/still"
	"github.com/pairloom/pairloom/shard"
)

const (
	thumbSide    = 176 // pixels of a thumbnail's longer side
	thumbQuality = 80
	maxText      = 400 // characters of a text in the sample
	// mostAsItIs is the most bytes of a picture that goes into the page as it is.
	mostAsItIs = 256 << 10
)

// sampler keeps the pairs with the smallest mixed ids: an even sample, the same
// whatever the order.
type sampler struct {
	most int
	kept []sampled // sorted by key
}

type sampled struct {
	key  uint64
	pair shard.Pair // with its own memory
}

func (s *sampler) add(p *shard.Pair) {
	key := mix(p.PairID ^ 0x9e3779b97f4a7c15)
	if len(s.kept) == s.most && key >= s.kept[len(s.kept)-1].key {
		return
	}
	at, found := slices.BinarySearchFunc(s.kept, key, func(k sampled, key uint64) int { return cmp.Compare(k.key, key) })
	if found {
		return
	}
	if len(s.kept) == s.most {
		s.kept = s.kept[:s.most-1]
	}
	s.kept = slices.Insert(s.kept, at, sampled{key, shard.Pair{
		PairID: p.PairID, ImageURL: strings.Clone(p.ImageURL), PageURL: strings.Clone(p.PageURL),
		Text: strings.Clone(p.Text), QueryIDs: slices.Clone(p.QueryIDs), Image: bytes.Clone(p.Image), Width: p.Width, Height: p.Height, Format: strings.Clone(p.Format),
	}})
}

// merge adds the sample of others.
func (s *sampler) merge(o *sampler) {
	for i := range o.kept {
		s.add(&o.kept[i].pair)
	}
}

func (s *sampler) finish(query func(uint32) string) []Sample {
	out := []Sample{}
	for _, k := range s.kept {
		smp := Sample{PairID: shard.FormatPairID(k.pair.PairID), ImageURL: k.pair.ImageURL, PageURL: k.pair.PageURL, Text: cut(k.pair.Text), Queries: []string{}}
		for _, id := range k.pair.QueryIDs {
			smp.Queries = append(smp.Queries, query(id))
		}
		smp.Thumb = NewThumb(k.pair.Image, k.pair.Format, k.pair.Width, k.pair.Height)
		out = append(out, smp)
	}
	return out
}

// A Thumb is a picture for a page: a small JPEG, or the picture as it is where its format
// is one that browsers know and we do not. It has no bytes when it did not decode.
type Thumb struct {
	Bytes  []byte `json:"bytes"`
	Type   string `json:"type"`  // of media
	Width  int    `json:"width"` // in pixels, as it is shown
	Height int    `json:"height"`
}

// NewThumb shows a stored picture of a format and a size.
func NewThumb(picture []byte, format string, width, height int32) Thumb {
	t := Thumb{Type: still.MediaType("")}
	t.Bytes, t.Width, t.Height = thumbnail(picture)
	if t.Bytes == nil && len(picture) <= mostAsItIs && format != "" && format != "jpeg" {
		// Browsers may know it.
		scale := max(width, height, thumbSide)
		t = Thumb{picture, still.MediaType(format), int(width * thumbSide / scale), int(height * thumbSide / scale)}
	}
	return t
}

// Src is the picture within a page; "" where there is none.
func (t Thumb) Src() template.URL {
	if len(t.Bytes) == 0 {
		return ""
	}
	return template.URL("data:" + t.Type + ";base64," + base64.StdEncoding.EncodeToString(t.Bytes))
}

// cut shortens a text by characters.
func cut(s string) string {
	n := 0
	for i := range s {
		if n++; n > maxText {
			return s[:i] + "…"
		}
	}
	return s
}

// thumbnail shrinks a picture of the dataset. It returns nothing when the bytes do
// not decode: the report is no place to fail over one picture.
func thumbnail(b []byte) (thumb []byte, width, height int) {
	src, err := still.Decode(b)
	if err != nil {
		return nil, 0, 0
	}
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	scale := max(w, h, thumbSide)
	tw, th := max(1, w*thumbSide/scale), max(1, h*thumbSide/scale)
	dst := image.NewRGBA(image.Rect(0, 0, tw, th))
	at := src.Bounds().Min
	for y := range th {
		for x := range tw {
			// The mean of the pixels under this one.
			x0, x1 := x*w/tw, max((x+1)*w/tw, x*w/tw+1)
			y0, y1 := y*h/th, max((y+1)*h/th, y*h/th+1)
			var r, g, bl, n uint32
			for sy := y0; sy < y1; sy++ {
				for sx := x0; sx < x1; sx++ {
					pr, pg, pb, _ := src.At(at.X+sx, at.Y+sy).RGBA()
					r, g, bl, n = r+pr>>8, g+pg>>8, bl+pb>>8, n+1
				}
			}
			dst.SetRGBA(x, y, color.RGBA{uint8(r / n), uint8(g / n), uint8(bl / n), 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, dst, &jpeg.Options{Quality: thumbQuality}); err != nil {
		return nil, 0, 0
	}
	return out.Bytes(), tw, th
}
