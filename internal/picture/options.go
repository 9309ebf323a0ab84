package picture

import (
	"fmt"
	"time"
)

// Mode says how a picture is fitted to a size; the names are img2dataset's.
type Mode string

const (
	No               Mode = "no"                 // as it is
	KeepRatio        Mode = "keep_ratio"         // the short side has the size
	KeepRatioLargest Mode = "keep_ratio_largest" // the long side has the size
	CenterCrop       Mode = "center_crop"        // KeepRatio, and the middle square of it
	Border           Mode = "border"             // KeepRatioLargest, amid a white square
)

// Formats of a finished picture.
const (
	JPEG     = "jpeg"
	WebP     = "webp"
	Original = "original" // the bytes as they came, once they were decoded whole
	// Nothing makes no bytes: the picture is looked at and hashed.
	Nothing = "nothing"
)

// PoolOptions set what children do and when they are replaced. Zero means the
// default.
type PoolOptions struct {
	Mode   Mode   // default KeepRatio
	Size   int    // pixels of the side that Mode names. Default 256
	Always bool   // smaller pictures are enlarged, cropped and bordered too
	Format string // default JPEG
	// Quality is that of JPEG and WebP, 1 to 100. Default 90.
	Quality int
	SHA256  bool // of the original bytes

	MaxPixels        int64         // of the original, from its header. Default 50 million
	Timeout          time.Duration // for one picture. Default 20 s
	PicturesPerChild int           // after which a child is replaced. Default 2,000
	Env              []string      // added to the child's environment, as "key=value"
}

func (o PoolOptions) withDefaults() PoolOptions {
	for _, d := range []struct {
		value *int
		def   int
	}{{&o.Size, 256}, {&o.Quality, 90}, {&o.PicturesPerChild, 2000}} {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	if o.Mode == "" {
		o.Mode = KeepRatio
	}
	if o.Format == "" {
		o.Format = JPEG
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = 50_000_000
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	return o
}

// check wants the defaults filled in.
func (o PoolOptions) check() error {
	_, modeKnown := modeCodes[o.Mode]
	_, formatKnown := formatCodes[o.Format]
	if !modeKnown || !formatKnown || o.Size < 1 || o.Quality < 1 || o.Quality > 100 || o.MaxPixels < 1 || o.Timeout < 0 || o.PicturesPerChild < 1 {
		return fmt.Errorf("a setting is out of range: %+v", o)
	}
	return nil
}

// The codes of modes and formats in the protocol.
var (
	modeCodes   = map[Mode]uint8{No: 0, KeepRatio: 1, KeepRatioLargest: 2, CenterCrop: 3, Border: 4}
	formatCodes = map[string]uint8{JPEG: 0, WebP: 1, Original: 2, Nothing: 3}
)
