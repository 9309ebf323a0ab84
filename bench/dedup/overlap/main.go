// Command overlap measures how many edited copies of evaluation pictures are found
// among other pictures, and how many others are taken for one. See README.md.
package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/internal/picture"
)

const (
	seed       = 14
	evaluation = 200
	most       = 20_000 // pictures
)

// edits are what was done to copies.
var edits = []struct {
	name string
	do   func(*image.NRGBA) []byte
}{
	{"as it is", func(m *image.NRGBA) []byte { return encoded(m) }},
	{"rescaled to a half", func(m *image.NRGBA) []byte { return encoded(scaled(m, 0.5, 0.5)) }},
	{"rescaled to a fifth", func(m *image.NRGBA) []byte { return encoded(scaled(m, 0.2, 0.2)) }},
	{"squeezed by a fifth", func(m *image.NRGBA) []byte { return encoded(scaled(m, 0.8, 1)) }},
	{"JPEG of quality 30", func(m *image.NRGBA) []byte { return recompressed(m, 30) }},
	{"JPEG of quality 10", func(m *image.NRGBA) []byte { return recompressed(m, 10) }},
	{"cropped: 5% of each side's length", func(m *image.NRGBA) []byte { return encoded(cropped(m, 0.025, 0.025, 0.975, 0.975)) }},
	{"cropped: 5% at each edge", func(m *image.NRGBA) []byte { return encoded(cropped(m, 0.05, 0.05, 0.95, 0.95)) }},
	{"cropped: 5% at one corner", func(m *image.NRGBA) []byte { return encoded(cropped(m, 0, 0.05, 0.95, 1)) }},
	{"cropped: 5% at the bottom", func(m *image.NRGBA) []byte { return encoded(cropped(m, 0, 0, 1, 0.95)) }},
	{"cropped: 3% left, 7% at the top", func(m *image.NRGBA) []byte { return encoded(cropped(m, 0.03, 0.07, 1, 1)) }},
	{"cropped: 10% at each edge", func(m *image.NRGBA) []byte { return encoded(cropped(m, 0.1, 0.1, 0.9, 0.9)) }},
	{"recoloured: grey", func(m *image.NRGBA) []byte {
		return encoded(recoloured(m, func(r, g, b float64) (float64, float64, float64) {
			return (r + g + b) / 3, (r + g + b) / 3, (r + g + b) / 3
		}))
	}},
	{"recoloured: warm, gamma 0.7", func(m *image.NRGBA) []byte {
		return encoded(recoloured(m, func(r, g, b float64) (float64, float64, float64) {
			return math.Pow(r, 0.7), math.Pow(g, 0.7) * 0.95, math.Pow(b, 0.7) * 0.8
		}))
	}},
	{"recoloured: channels change places", func(m *image.NRGBA) []byte {
		return encoded(recoloured(m, func(r, g, b float64) (float64, float64, float64) { return g, b, r }))
	}},
	{"mirrored", func(m *image.NRGBA) []byte { return encoded(mirrored(m)) }},
}

// seen is what curate knows of a fetched picture, and what it takes from its JPEG.
type seen struct {
	hash  uint64
	thumb lookalike.Thumb
	bad   bool
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: overlap PAIRLOOM FOLDER...")
		os.Exit(2)
	}
	if err := measure(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "overlap:", err)
		os.Exit(1)
	}
}

func measure(program string, folders []string) error {
	var paths []string
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, ".png") {
				paths = append(paths, p)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(paths)
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	paths = paths[:min(len(paths), most)]
	fmt.Fprintln(os.Stderr, "decoding", len(paths), "pictures")
	pool, err := picture.NewPool([]string{program, "picture-child"}, 2, picture.PoolOptions{})
	if err != nil {
		return err
	}
	defer pool.Close()
	all := make([]seen, len(paths))
	sources := make([]*image.NRGBA, len(paths))
	err = each(len(paths), func(i int) error {
		data, err := os.ReadFile(paths[i])
		if err == nil {
			all[i], err = look(pool, data)
		}
		return err
	})
	if err != nil {
		return err
	}
	var chosen []int
	distinct := map[uint64]bool{}
	for i := 0; i < len(paths) && len(chosen) < evaluation; i++ {
		if all[i].bad || lookalike.Flat(all[i].hash) || distinct[all[i].hash] {
			continue
		}
		data, err := os.ReadFile(paths[i])
		if err != nil {
			return err
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil || img.Bounds().Dx() < 40 || img.Bounds().Dy() < 40 || img.Bounds().Dx()*img.Bounds().Dy() > 4e6 {
			continue
		}
		distinct[all[i].hash] = true
		sources[i] = onWhite(img)
		chosen = append(chosen, i)
	}
	copies := make([][]seen, len(edits))
	for e := range edits {
		copies[e] = make([]seen, len(chosen))
	}
	err = each(len(chosen)*len(edits), func(k int) error {
		i, e := k/len(edits), k%len(edits)
		s, err := look(pool, edits[e].do(sources[chosen[i]]))
		copies[e][i] = s
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("%d pictures, of them %d the evaluation set\n", len(paths), len(chosen))
	for _, least := range []float64{-1, 0.9} {
		report(all, chosen, copies, least)
	}
	return nil
}

// report prints a table for one correlation that is asked for, -1 for none.
func report(all []seen, chosen []int, copies [][]seen, least float64) {
	fmt.Printf("\ncorrelation of at least %v\n%-36s", least, "edit")
	type column struct {
		windows, distance int
		index             *lookalike.Index
	}
	var columns []column
	for _, windows := range []int{1, len(lookalike.Windows)} {
		var hashes []uint64
		for _, i := range chosen {
			for w := range windows {
				g := all[i].thumb.Grid(lookalike.Windows[w])
				h := picture.HashGrid(&g)
				if w == 0 {
					h = all[i].hash
				}
				hashes = append(hashes, h)
			}
		}
		for _, distance := range []int{4, 8, 10} {
			columns = append(columns, column{windows, distance, lookalike.NewIndex(hashes, distance)})
			fmt.Printf("%10s", fmt.Sprintf("w%d d%d", windows, distance))
		}
	}
	fmt.Println()
	// hit is whether a picture is taken for one of the set, and for number which.
	hit := func(c column, s *seen, which int) bool {
		found := false
		whole := s.thumb.Grid(lookalike.Windows[0])
		c.index.Near(s.hash, func(n, _ int) bool {
			i, w := n/c.windows, n%c.windows
			g := all[chosen[i]].thumb.Grid(lookalike.Windows[w])
			if (which < 0 || i == which) && lookalike.Correlation(&whole, &g) >= least {
				found = true
			}
			return !found
		})
		return found
	}
	for e := range copies {
		fmt.Printf("%-36s", edits[e].name)
		for _, c := range columns {
			n := 0
			for i := range copies[e] {
				if !copies[e][i].bad && hit(c, &copies[e][i], i) {
					n++
				}
			}
			fmt.Printf("%10d", n)
		}
		fmt.Println()
	}
	fmt.Printf("%-36s", "others taken for one")
	set := map[int]bool{}
	for _, i := range chosen {
		set[i] = true
	}
	for _, c := range columns {
		n := 0
		for i := range all {
			if !set[i] && !all[i].bad && hit(c, &all[i], -1) {
				n++
			}
		}
		fmt.Printf("%10d", n)
	}
	fmt.Println()
}

func each(n int, do func(i int) error) error {
	var g errgroup.Group
	for k := range 2 {
		g.Go(func() error {
			for i := k; i < n; i += 2 {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func look(pool *picture.Pool, data []byte) (s seen, err error) {
	r, err := pool.Process(context.Background(), data)
	if err != nil || r.Reason != "" {
		return seen{bad: true}, err
	}
	img, err := jpeg.Decode(bytes.NewReader(r.Bytes))
	if err != nil {
		return s, err
	}
	return seen{hash: r.PHash, thumb: lookalike.ThumbOf(img)}, nil
}

func onWhite(img image.Image) *image.NRGBA {
	b := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			r, g, bl, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			white := 0xffff - a
			out.SetNRGBA(x, y, color.NRGBA{uint8((r + white) >> 8), uint8((g + white) >> 8), uint8((bl + white) >> 8), 255})
		}
	}
	return out
}

func encoded(m image.Image) []byte {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func recompressed(m image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// scaled averages areas of whole pixels.
func scaled(m *image.NRGBA, across, down float64) *image.NRGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, max(1, int(float64(w)*across)), max(1, int(float64(h)*down))))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			x0, x1 := x*w/out.Rect.Dx(), max((x+1)*w/out.Rect.Dx(), x*w/out.Rect.Dx()+1)
			y0, y1 := y*h/out.Rect.Dy(), max((y+1)*h/out.Rect.Dy(), y*h/out.Rect.Dy()+1)
			var sum [3]int
			for py := y0; py < y1; py++ {
				for px := x0; px < x1; px++ {
					for c := range sum {
						sum[c] += int(m.Pix[py*m.Stride+4*px+c])
					}
				}
			}
			n := (x1 - x0) * (y1 - y0)
			out.SetNRGBA(x, y, color.NRGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return out
}

func cropped(m *image.NRGBA, x0, y0, x1, y1 float64) image.Image {
	w, h := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	at := func(share, n float64) int { return int(math.Round(share * n)) }
	return m.SubImage(image.Rect(at(x0, w), at(y0, h), at(x1, w), at(y1, h)))
}

func recoloured(m *image.NRGBA, change func(r, g, b float64) (float64, float64, float64)) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	to := func(v float64) uint8 { return uint8(math.Round(255 * min(max(v, 0), 1))) }
	for i := 0; i < len(m.Pix); i += 4 {
		r, g, b := change(float64(m.Pix[i])/255, float64(m.Pix[i+1])/255, float64(m.Pix[i+2])/255)
		copy(out.Pix[i:], []uint8{to(r), to(g), to(b), 255})
	}
	return out
}

func mirrored(m *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	w := m.Rect.Dx()
	for y := range m.Rect.Dy() {
		for x := range w {
			out.SetNRGBA(w-1-x, y, m.NRGBAAt(x, y))
		}
	}
	return out
}
