// Package still decodes pictures of the dataset in this process, by Go's own decoders:
// JPEG, PNG, GIF and WebP, of animated GIFs the first frame. Other formats that a
// dataset may hold where fetch.format is original are [ErrFormat]. What comes straight
// from the web goes through internal/picture instead.
package still

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"

	_ "image/gif" // for image.Decode, as the others
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/webp"
)

// ErrFormat: Go has no decoder for the format.
var ErrFormat = errors.New("a format that is not decoded here")

// mostPixels bounds what is decoded; shards hold pictures far below it.
const mostPixels = 1 << 29

// Size is the size in the header, in pixels.
func Size(b []byte) (width, height int, err error) {
	if animatedWebP(b) {
		return 0, 0, ErrFormat
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if errors.Is(err, image.ErrFormat) {
		err = ErrFormat
	}
	return c.Width, c.Height, err
}

// Decode decodes a picture whole.
func Decode(b []byte) (image.Image, error) {
	w, h, err := Size(b)
	if err != nil {
		return nil, err
	}
	if w < 1 || h < 1 || w > mostPixels/h {
		return nil, fmt.Errorf("decode picture: %d x %d pixels", w, h)
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	return m, err
}

// Opaque reports that a picture is decoded here with at most 8 bits of gray, and hides
// nothing of what its pixels store.
func Opaque(b []byte) bool {
	if animatedWebP(b) {
		return false
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return false
	}
	switch c.ColorModel {
	case color.YCbCrModel, color.GrayModel, color.CMYKModel, color.RGBAModel, color.RGBA64Model:
		return true // of a file they have no alpha
	case color.Gray16Model:
		return false
	}
	m, err := Decode(b)
	if err != nil {
		return false
	}
	o, there := m.(interface{ Opaque() bool })
	return there && o.Opaque()
}

// animatedWebP tells it by the flag of the extended header.
func animatedWebP(b []byte) bool {
	return len(b) > 20 && string(b[:4]) == "RIFF" && string(b[8:16]) == "WEBPVP8X" && b[20]&2 != 0
}

// MediaType is that of a picture of the dataset, by its Format; rows of old versions
// name none and are JPEG.
func MediaType(format string) string {
	switch format {
	case "":
		return "image/jpeg"
	case "ico":
		return "image/x-icon"
	}
	return "image/" + strings.Clone(format) // which may lie in a mapped file
}
