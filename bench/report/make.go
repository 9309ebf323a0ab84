package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// partRows is the default of shard.pairs.
const partRows = 10_000

// makeShards writes n pairs with small pictures into folder. Hosts, queries and
// words follow Zipf's law; three pairs stand on a page; one text in five repeats.
func makeShards(folder string, n int) error {
	if m, err := shard.ReadManifest(folder); err == nil && m.Rows() == int64(n) {
		return nil
	} else if err != nil && !errors.Is(err, shard.ErrUnfinished) {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	hosts, words, queries := rand.NewZipf(rng, 1.2, 8, 300_000), rand.NewZipf(rng, 1.1, 20, 50_000), rand.NewZipf(rng, 1.1, 10, 500_000)
	picture := smallJPEG()
	ends := []string{"com", "com", "co.uk", "de", "org", "com.br", "fr", "github.io"}
	m := &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")}
	var text []byte
	for part := 0; part*partRows < n; part++ {
		w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("%s%05d.arrow", shard.Training, part), shard.Origin{Stage: "shard"})
		if err != nil {
			return err
		}
		for i := part * partRows; i < min(n, (part+1)*partRows); i++ {
			host := hosts.Uint64()
			name := fmt.Sprintf("www.site%d.%s", host, ends[host%uint64(len(ends))])
			if rng.IntN(5) > 0 {
				text = text[:0]
				for range 3 + int(math.Abs(rng.NormFloat64())*9) {
					text = fmt.Appendf(text, "%s ", word(words.Uint64()))
				}
			}
			width := 200 + int32(rng.ExpFloat64()*700)
			p := shard.Pair{
				PageURL: fmt.Sprintf("https://%s/articles/2024/%d/some-title.html", name, rng.IntN(n/3+1)), ImageURL: fmt.Sprintf("https://cdn.%s/media/pictures/%d-large.jpg", name, i),
				Text: string(text[:len(text)-1]), TextSource: shard.TextSources[rng.IntN(4)], Language: []string{"en", "en-gb", "de", ""}[rng.IntN(4)], TextLanguage: []string{"en", "en", "de", "fr"}[rng.IntN(4)],
				Source: "live", CrawlTime: 1_700_000_000 + int64(rng.IntN(1e7)), Image: picture, Width: 32, Height: 24, Format: "jpeg", Frames: 1,
				OriginalFormat: []string{"jpeg", "jpeg", "png", "webp"}[rng.IntN(4)], OriginalWidth: width, OriginalHeight: width * 3 / 4,
				PictureHash: rng.Uint64(), PHash: rng.Uint64(),
			}
			for range 1 + rng.IntN(3) {
				p.QueryIDs = append(p.QueryIDs, uint32(queries.Uint64()))
			}
			slices.Sort(p.QueryIDs)
			p.QueryIDs = slices.Compact(p.QueryIDs)
			p.PairID = shard.PairID(p.ImageURL, p.Text)
			if err := w.Write(&p); err != nil {
				return err
			}
			m.Tally.Keep()
		}
		made, err := w.Close()
		if err != nil {
			return fmt.Errorf("make %s: %w", filepath.Base(folder), err)
		}
		m.Parts = append(m.Parts, made)
	}
	m.Tally.Out = m.Tally.Kept
	return shard.WriteManifest(folder, m)
}

// word spells a number with letters, so that frequent words are short.
func word(n uint64) string {
	var b []byte
	for {
		b = append(b, "etaoinshrdlucmfwypvb"[n%20])
		if n /= 20; n == 0 {
			return string(b) + "a"
		}
	}
}

func smallJPEG() []byte {
	img := image.NewGray(image.Rect(0, 0, 32, 24))
	for i := range img.Pix {
		img.Set(i%32, i/32, color.Gray{uint8(i)})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 40}); err != nil {
		panic(err) // into memory
	}
	return b.Bytes()
}
