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
	ShortSide      int           `yaml:"short_side" default:"256" range:"16..4096" doc:"pixels of a stored picture's short side; smaller pictures are kept as they are"`
	Quality        int           `yaml:"quality" default:"90" range:"1..100" doc:"JPEG quality of stored pictures"`
	MaxMegapixels  int           `yaml:"max_megapixels" default:"50" range:"1..500" doc:"a picture whose header promises more is dropped undecoded"`
	DecodeChildren int           `yaml:"decode_children" default:"0" range:"0..256" pace:"true" doc:"processes that decode pictures; 0 means one for each processor core"`
	PictureTimeout time.Duration `yaml:"picture_timeout" default:"20s" range:"100ms..10m" pace:"true" doc:"longest time to decode one picture"`
}

// PoolOptions are the settings that concern the decoders.
func (o Options) PoolOptions() picture.PoolOptions {
	return picture.PoolOptions{
		ShortSide: o.ShortSide,
		Quality:   o.Quality,
		MaxPixels: int64(o.MaxMegapixels) * 1_000_000,
		Timeout:   o.PictureTimeout,
	}
}
