// Command synthetic makes a dataset's folder with shards of made-up pairs, to measure how
// fast they are exported: JPEGs of a given size whose pixels are noise, texts of a dozen
// words. The same numbers give the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/shard"
)

func main() {
	dir := flag.String("C", "", "the folder")
	pairs := flag.Int("pairs", 100_000, "pairs")
	size := flag.Int("bytes", 20_000, "bytes of a picture")
	perShard := flag.Int("shard", 10_000, "pairs in a shard")
	flag.Parse()
	if err := write(*dir, *pairs, *size, *perShard); err != nil {
		log.Fatal(err)
	}
}

var words = []string{"a", "red", "fox", "on", "the", "old", "wall", "of", "garden", "in", "spring", "light", "with", "blue", "glass", "river"}

// picture is a JPEG that is followed by as many other bytes as are missing to its size:
// decoders stop at its end.
func picture(i, size int) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			img.SetRGBA(x, y, color.RGBA{uint8(x*4 + i), uint8(y*4 + i/256), uint8(i), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil, err
	}
	data := b.Bytes()
	for seed := uint64(i); len(data) < size; {
		seed = seed*6364136223846793005 + 1442695040888963407
		data = append(data, byte(seed>>56), byte(seed>>48), byte(seed>>40), byte(seed>>32))
	}
	return data, nil
}

func write(dir string, pairs, size, perShard int) error {
	folder := filepath.Join(dir, shard.ShardsFolder)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pairloom.yaml"), []byte("seed: 0\n"), 0o666); err != nil {
		return err
	}
	m := &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")}
	held := pairs / 50
	for _, side := range []struct {
		prefix      string
		first, last int
	}{{shard.HeldOut, 0, held}, {shard.Training, held, pairs}} {
		for start, n := side.first, 0; start < side.last; start, n = start+perShard, n+1 {
			w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("%s%05d.arrow", side.prefix, n), shard.Origin{Stage: "shard"})
			if err != nil {
				return err
			}
			for i := start; i < min(start+perShard, side.last); i++ {
				p, err := pair(i, size)
				if err == nil {
					err = w.Write(p)
				}
				if err != nil {
					return err
				}
				m.Tally.Keep()
			}
			part, err := w.Close()
			if err != nil {
				return err
			}
			m.Parts = append(m.Parts, part)
		}
	}
	m.Tally.Out = m.Tally.Kept
	return shard.WriteManifest(folder, m)
}

func pair(i, size int) (*shard.Pair, error) {
	data, err := picture(i, size)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("picture %d:", i)
	for k := range 10 {
		text += " " + words[(i*7+k*k*3+k)%len(words)]
	}
	url := fmt.Sprintf("https://pictures.example/%d/picture-%d.jpg", i%1000, i)
	return &shard.Pair{
		PairID: shard.PairID(url, text), Text: text, Image: data, Width: 64, Height: 64, ImageURL: url,
		PageURL: fmt.Sprintf("https://page.example/%d/page-%d.html", i%1000, i/3), TextSource: "alt", Language: "en", Source: "live",
		CrawlTime: 1_700_000_000 + int64(i), QueryIDs: []uint32{uint32(i % 1000), uint32(1000 + i%77)}, OriginalFormat: "jpeg",
		OriginalWidth: 640, OriginalHeight: 480, PictureHash: xxhash.Sum64(data), PHash: uint64(i) * 0x9e3779b97f4a7c15, Format: "jpeg", Frames: 1,
	}, nil
}
