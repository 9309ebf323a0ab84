package pipeline

import (
	"path/filepath"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// showSamples gives the result its samples, with the pictures that are there.
func (d *dryRun) showSamples() error {
	pictures := newOpenPictures(filepath.Join(d.Dir, shard.ImagesFolder), &shard.Manifest{Parts: d.images}, d.Options.memory()/3)
	defer pictures.close()
	var converter *PictureConverter // of pictures that are no JPEG, once there is one
	defer func() {
		if converter != nil {
			converter.Close()
		}
	}()
	var image shard.Image
	read := func(part, row uint32) ([]byte, error) {
		if err := pictures.read(part, row, &image); err != nil {
			return nil, err
		}
		if image.Format == "jpeg" || len(image.Bytes) == 0 {
			return image.Bytes, nil
		}
		if converter == nil {
			var err error
			if converter, err = NewPictureConverter(d.PictureChild, 1); err != nil {
				return nil, err
			}
		}
		jpeg, _, _, err := converter.Convert(d.ctx, image.Bytes)
		return jpeg, err // none of a picture that does not decode
	}
	for _, s := range d.shown {
		for _, p := range s.samples {
			if err := d.ctx.Err(); err != nil {
				return err
			}
			if at := d.wanted[p.imageID]; at != nil && !p.pictured {
				p.part, p.row, p.pictured = at.part, at.row, true
			}
			var jpeg []byte
			if p.pictured {
				var err error
				if jpeg, err = read(p.part, p.row); err != nil {
					return err
				}
			}
			var also []string
			for i, name := range s.names {
				if i != s.rule && p.by.By(i) {
					also = append(also, name)
				}
			}
			s.to.Samples = append(s.to.Samples, stats.NewDropSample(p.pairID, p.imageURL, p.pageURL, p.text, p.detail, also, jpeg))
		}
	}
	return nil
}
