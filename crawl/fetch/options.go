package fetch

import (
	"time"

	"github.com/pairloom/pairloom/internal/picture"
)

// Options are the section fetch of pairloom.yaml. What holds for any request
// (pace, time limits, the cap on bytes, which opt-outs are obeyed) is in the
// section gate.
type Options struct {
	Workers        int           `yaml:"workers" default:"128" range:"1..4096" pace:"true" doc:"pictures asked for at the same time, over all hosts"`
	ResizeMode     string        `yaml:"resize_mode" default:"keep_ratio" choices:"no|keep_ratio|keep_ratio_largest|center_crop|border" doc:"how a stored picture is fitted to image_size: its short side (keep_ratio), its long side (keep_ratio_largest), the middle square (center_crop), amid a white square (border), or not at all (no)"`
	ImageSize      int           `yaml:"image_size" default:"256" range:"16..4096" doc:"pixels of the side that resize_mode names"`
	OnlyIfBigger   bool          `yaml:"only_if_bigger" default:"true" doc:"leave pictures alone that are not larger than image_size"`
	Format         string        `yaml:"format" default:"jpeg" choices:"jpeg|webp|original" doc:"of stored pictures; original keeps the bytes as they came, at their size, once they decoded whole; training reads jpeg only"`
	Quality        int           `yaml:"quality" default:"90" range:"1..100" doc:"quality of stored JPEG and WebP"`
	SHA256         bool          `yaml:"sha256" default:"false" doc:"note the SHA-256 of the bytes as they came"`
	MaxMegapixels  int           `yaml:"max_megapixels" default:"50" range:"1..500" doc:"a picture whose header promises more is dropped undecoded"`
	DecodeChildren int           `yaml:"decode_children" default:"0" range:"0..256" pace:"true" doc:"processes that decode pictures; 0 means one for each processor core"`
	PictureTimeout time.Duration `yaml:"picture_timeout" default:"20s" range:"100ms..10m" pace:"true" doc:"longest time to decode one picture"`
}

// PoolOptions are the settings that concern the decoders.
func (o Options) PoolOptions() picture.PoolOptions {
	return picture.PoolOptions{
		Mode:      picture.Mode(o.ResizeMode),
		Size:      o.ImageSize,
		Always:    !o.OnlyIfBigger,
		Format:    o.Format,
		Quality:   o.Quality,
		SHA256:    o.SHA256,
		MaxPixels: int64(o.MaxMegapixels) * 1_000_000,
		Timeout:   o.PictureTimeout,
	}
}
