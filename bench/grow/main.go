// Grow makes datasets of synthetic pairs and brings their shards up to date:
//
//	grow make DIR PAIRS [LESS]   what match, fetch and curate would leave of pairs 0 to PAIRS-1, but for every LESS-th
//	grow shard DIR [compact]     the shard stage; says what it took, read and wrote
//	grow forget DIR              no file of it stays in the page cache
//	grow disk DIR                what the disk gives of its pictures, in order and at random, and takes
//
// PICTURE_BYTES is the size of a picture, of each run the same.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "grow:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "make":
		pairs, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		less := 0
		if len(args) > 3 {
			if less, err = strconv.Atoi(args[3]); err != nil {
				return err
			}
		}
		return create(args[1], pairs, less)
	case len(args) >= 2 && args[0] == "shard":
		return grow(args[1], len(args) > 2)
	case len(args) >= 2 && args[0] == "forget":
		return forget(args[1])
	case len(args) >= 2 && args[0] == "disk":
		return disk(args[1])
	}
	return fmt.Errorf("usage: grow make DIR PAIRS [LESS] | grow shard DIR [compact] | grow forget DIR | grow disk DIR")
}

// pictureBytes is the size of a stored picture: tiny, so that what is measured is all else,
// where nothing else is asked for.
var pictureBytes = func() int {
	if n, err := strconv.Atoi(os.Getenv("PICTURE_BYTES")); err == nil {
		return n
	}
	return 200
}()

// noise is what pictures are cut from; it does not compress.
var noise = func() []byte {
	b := make([]byte, 4<<20+pictureBytes)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// create writes the folders that the shard stage reads. A pair is the same whatever
// others there are.
func create(dir string, pairs, less int) error {
	type pair struct {
		image uint64
		n     int
	}
	var all []pair
	for n := range pairs {
		if less == 0 || n%less != 0 {
			all = append(all, pair{shard.ImageID(address(n)), n})
		}
	}
	slices.SortFunc(all, func(a, b pair) int { return cmp.Compare(a.image, b.image) })
	const partRows, picturesPart = 50_000, 1000
	matched := folder[shard.Matched]{path: filepath.Join(dir, shard.MatchedFolder), rows: partRows}
	selection := folder[shard.Selection]{path: filepath.Join(dir, shard.SelectionFolder), rows: partRows}
	for _, p := range all {
		m := matchedPair(p.n, p.image)
		s := shard.Selection{PairID: m.PairID, QueryIDs: m.QueryIDs, ImagePart: uint32(p.n / picturesPart), ImageRow: uint32(p.n % picturesPart)}
		i := picture(p.n)
		s.PictureHash = i.PictureHash
		finished := finishedPair(&m, &i)
		s.Digest, _ = finished.Digest(nil)
		if err := matched.write(&m); err != nil {
			return err
		}
		if err := selection.write(&s); err != nil {
			return err
		}
	}
	images := folder[shard.Image]{path: filepath.Join(dir, shard.ImagesFolder), rows: picturesPart}
	for n := range pairs {
		i := picture(n)
		if err := images.write(&i); err != nil {
			return err
		}
	}
	for _, end := range []func() error{matched.end, selection.end, images.end} {
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}

func address(n int) string { return fmt.Sprintf("https://host%d.example/pictures/%d.jpg", n%5000, n) }

func matchedPair(n int, image uint64) shard.Matched {
	m := shard.Matched{ImageID: image, QueryIDs: []uint32{uint32(n % 1000), uint32(1000 + n%7919)}}
	m.PageURL, m.ImageURL = fmt.Sprintf("https://host%d.example/page/%d", n%5000, n/3), address(n)
	m.Text, m.TextSource, m.Language = fmt.Sprintf("a text of some words about thing %d in place %d", n, n%331), "alt", "en"
	m.Source, m.CrawlTime = "live", 1_700_000_000
	m.PairID = shard.PairID(m.ImageURL, m.Text)
	return m
}

func picture(n int) shard.Image {
	start := uint64(n) * 0x9e3779b97f4a7c15 >> 42 // 4 Mi of them
	data := noise[start : start+uint64(pictureBytes)]
	return shard.Image{
		ImageID: shard.ImageID(address(n)), ImageURL: address(n), HTTPStatus: 200, Bytes: data, Format: "jpeg", Width: 16, Height: 16, Frames: 1,
		PictureHash: uint64(n+1) * 0x9e3779b97f4a7c15, PHash: uint64(n+1) * 0xbf58476d1ce4e5b9, OriginalFormat: "jpeg", OriginalWidth: 16, OriginalHeight: 16, OriginalBytes: int64(pictureBytes),
	}
}

// finishedPair is the pair as it lies in shards, but for its picture's bytes.
func finishedPair(m *shard.Matched, i *shard.Image) shard.Pair {
	return shard.Pair{
		PairID: m.PairID, PageURL: m.PageURL, ImageURL: m.ImageURL, Text: m.Text, TextSource: m.TextSource, Language: m.Language, QueryIDs: m.QueryIDs,
		Width: i.Width, Height: i.Height, OriginalFormat: i.OriginalFormat, OriginalWidth: i.OriginalWidth, OriginalHeight: i.OriginalHeight,
		PictureHash: i.PictureHash, PHash: i.PHash, Format: i.Format, Frames: i.Frames,
	}
}

// folder writes a finished folder of parts.
type folder[T shard.Record] struct {
	path     string
	rows     int64
	manifest shard.Manifest
	part     *shard.PartWriter[T]
}

func (f *folder[T]) write(row *T) (err error) {
	if f.part == nil {
		if f.part, err = shard.CreatePart[T](f.path, fmt.Sprintf("part-%05d.arrow", len(f.manifest.Parts)), shard.Origin{}); err != nil {
			return err
		}
	}
	if err := f.part.Write(row); err != nil || f.part.Rows() < f.rows {
		return err
	}
	return f.close()
}

func (f *folder[T]) close() error {
	part, err := f.part.Close()
	f.part = nil
	f.manifest.Parts = append(f.manifest.Parts, part)
	return err
}

func (f *folder[T]) end() error {
	if f.part != nil {
		if err := f.close(); err != nil {
			return err
		}
	}
	f.manifest.Stage, f.manifest.Tally = shard.Maker(f.path), shard.NewTally("made", "rows", "rows")
	f.manifest.Tally.In, f.manifest.Tally.Kept = f.manifest.Rows(), f.manifest.Rows()
	return shard.WriteManifest(f.path, &f.manifest)
}

// grow runs the stage with default settings.
func grow(dir string, compact bool) error {
	s := pipeline.Shard{
		Dir: dir, Seed: 1, Memory: 512 << 20, Options: pipeline.ShardOptions{Pairs: 10_000, HeldoutShare: 0.02, Compact: compact},
		Fetch: fetch.Options{ResizeMode: "keep_ratio", ImageSize: 256, OnlyIfBigger: true, Format: "jpeg", Quality: 90},
	}
	before, err := sizes(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		return err
	}
	began := time.Now()
	out, err := s.Run(context.Background(), func(int64, int64) {})
	if err != nil {
		return err
	}
	took := time.Since(began)
	after, err := sizes(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		return err
	}
	var files int
	var bytes int64
	for name, f := range after {
		if before[name] != f {
			files, bytes = files+1, bytes+f.bytes
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	read, err := diskRead()
	if err != nil {
		return err
	}
	r := out.Result.(pipeline.Sharded)
	fmt.Printf("generation %d\t%d added\t%v deleted\t%d pairs\t%.2f s\t%.2f s of processor\t%d files\t%d bytes written\t%d MiB at most\t%d bytes read from the disk\n",
		r.Generation, r.Added, r.Deleted, out.Tally.Kept, took.Seconds(), seconds(usage.Utime)+seconds(usage.Stime), files, bytes, usage.Maxrss>>10, read)
	return nil
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// written is what tells that a file was written again.
type written struct {
	bytes    int64
	modified time.Time
}

func sizes(folder string) (map[string]written, error) {
	all := map[string]written{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		info, err := d.Info()
		if err == nil {
			all[path] = written{info.Size(), info.ModTime()}
		}
		return err
	})
	return all, err
}
