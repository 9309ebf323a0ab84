// Command shard measures how fast a dataset is read. It makes shards of pairs with
// pictures of 10 to 30 KB, and reads them back in the ways that README.md names; one
// process reads one way, and prints a line of JSON. See run.sh.
//
//	go run ./bench/shard make FOLDER PAIRS
//	go run ./bench/shard link FOLDER TIMES
//	go run ./bench/shard read FOLDER WAY
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pairloom/pairloom/shard"
)

const pairsInShard = 10000

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/shard:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("give make FOLDER PAIRS, link FOLDER TIMES, or read FOLDER and one of %s", strings.Join(names(), ", "))
	}
	switch args[0] {
	case "make", "link":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		if args[0] == "link" {
			return link(args[1], n)
		}
		return makeShards(args[1], n)
	case "read":
		i := slices.IndexFunc(ways, func(w way) bool { return w.name == args[2] })
		if i < 0 {
			return fmt.Errorf("no way %q; ways are %s", args[2], strings.Join(names(), ", "))
		}
		return measure(args[1], ways[i])
	}
	return fmt.Errorf("no command %q", args[0])
}

// makeShards writes pairs that are a function of their number.
func makeShards(folder string, n int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	tally := shard.NewTally("shard", "pairs", "pairs")
	m := &shard.Manifest{Stage: "shard", Tally: tally, Generations: []shard.Generation{{Number: 1, Added: int64(n)}}}
	picture := make([]byte, 30<<10)
	words := strings.Fields("a the red brown small old fox cat dog house tree in on under near with snow river street light photo of two many")
	for first := 0; first < n; first += pairsInShard {
		w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("shard-%05d.arrow", first/pairsInShard), shard.Origin{Stage: "shard"})
		if err != nil {
			return err
		}
		for i := first; i < min(n, first+pairsInShard); i++ {
			random := rand.New(rand.NewPCG(uint64(i), 15))
			size := 10<<10 + random.IntN(20<<10)
			for k := 0; k < size; k += 8 {
				v := random.Uint64()
				for b := range 8 {
					picture[k+b] = byte(v >> (8 * b))
				}
			}
			copy(picture, "\xff\xd8\xff\xe0")
			text := ""
			for range 6 + random.IntN(10) {
				text += words[random.IntN(len(words))] + " "
			}
			page := fmt.Sprintf("https://www.example-%d.org/articles/%d/index.html", i%977, i)
			address := fmt.Sprintf("https://images.example-%d.org/uploads/%d.jpg", i%977, i)
			pair := shard.Pair{
				PairID: shard.PairID(address, text), PageURL: page, ImageURL: address, Text: text, TextSource: "alt", Language: "en", Source: "live",
				CrawlTime: 1700000000 + int64(i), QueryIDs: []uint32{uint32(i % 1000), uint32(1000 + i%77)}, Image: picture[:size], Width: 256, Height: 256,
				OriginalFormat: "jpeg", OriginalWidth: 800, OriginalHeight: 800, PictureHash: random.Uint64(), PHash: random.Uint64(), Format: "jpeg", Frames: 1,
			}
			if err := w.Write(&pair); err != nil {
				return err
			}
		}
		part, err := w.Close()
		if err != nil {
			return err
		}
		part.Generation = 1
		m.Parts = append(m.Parts, part)
	}
	tally.In, tally.Kept = int64(n), int64(n)
	return shard.WriteManifest(folder, m)
}

// link makes of a folder of shards another beside it, FOLDER-linked, in which each
// shard stands so many times: as many pairs, without room for more on the disk or in the
// page cache.
func link(folder string, times int) error {
	m, err := shard.ReadManifest(folder)
	if err != nil {
		return err
	}
	to := strings.TrimSuffix(folder, "/") + "-linked"
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	parts := m.Parts
	m.Parts = nil
	for i := range times * len(parts) {
		part := parts[i%len(parts)]
		from := filepath.Join(folder, part.Name)
		part.Name = fmt.Sprintf("shard-%05d.arrow", i)
		if err := os.Link(from, filepath.Join(to, part.Name)); err != nil {
			return err
		}
		m.Parts = append(m.Parts, part)
	}
	m.Tally.In, m.Tally.Kept = m.Rows(), m.Rows()
	m.Generations[0].Added = m.Rows()
	return shard.WriteManifest(to, m)
}

// A way to read a folder of shards. read returns how many pairs it read and the bytes
// of their pictures.
type way struct {
	name string
	read func(folder string, p *pass) error
}

// pass is what a way counts, and the memory that it copies pictures into, as a reader
// would for a decoder: 64 KiB, which stay in the processor's cache.
type pass struct {
	Pairs int64 `json:"pairs"`
	Bytes int64 `json:"bytes"`
	Text  int64 `json:"text"` // bytes of texts and addresses

	to     [64 << 10]byte
	start  func() // begins the measurement anew, after what is not measured
	micros []float64
}

func (p *pass) facts(pair *shard.Pair) {
	p.Pairs++
	p.Text += int64(len(pair.Text) + len(pair.PageURL) + len(pair.ImageURL))
}

func (p *pass) picture(pair *shard.Pair) { p.Bytes += int64(copy(p.to[:], pair.Image)) }

// columns are all but the picture.
var columns = []string{"pair_id", "page_url", "image_url", "text", "text_source", "language", "license", "opt_out", "source", "crawl_time",
	"query_ids", "width", "height", "original_format", "original_width", "original_height", "picture_hash", "phash", "format"}

var ways = []way{
	{"page cache, read", func(folder string, p *pass) error { return eachFile(folder, p, readAll) }},
	{"page cache, mapped", func(folder string, p *pass) error { return eachFile(folder, p, mapAll) }},
	{"rows, metadata", func(folder string, p *pass) error {
		return rows(folder, columns, p.facts)
	}},
	{"rows, all", func(folder string, p *pass) error {
		return rows(folder, nil, func(pair *shard.Pair) { p.facts(pair); p.picture(pair) })
	}},
	{"view, in order", func(folder string, p *pass) error { return view(folder, p, inOrder, true, 1) }},
	{"view, in order, again", func(folder string, p *pass) error { return view(folder, p, inOrder, true, 2) }},
	{"view, shuffled", func(folder string, p *pass) error { return view(folder, p, rand.New(rand.NewPCG(1, 1)).Perm, true, 1) }},
	{"view, shuffled, again", func(folder string, p *pass) error { return view(folder, p, rand.New(rand.NewPCG(1, 1)).Perm, true, 2) }},
	{"view, metadata, shuffled, again", func(folder string, p *pass) error {
		return view(folder, p, rand.New(rand.NewPCG(1, 1)).Perm, false, 2)
	}},
	{"view, one at random", oneAtRandom},
}

func names() []string {
	var list []string
	for _, w := range ways {
		list = append(list, strconv.Quote(w.name))
	}
	return list
}

func rows(folder string, columns []string, visit func(*shard.Pair)) error {
	d, err := shard.OpenDataset(folder)
	if err != nil {
		return err
	}
	for row, err := range d.Rows(shard.Training, columns...) {
		if err != nil {
			return err
		}
		visit(&row.Pair)
	}
	return nil
}

func inOrder(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// view reads all pairs in an order, passes times; the last is measured.
func view(folder string, p *pass, order func(n int) []int, pictures bool, passes int) error {
	d, err := shard.OpenDataset(folder)
	if err != nil {
		return err
	}
	v, err := d.Open(shard.Training)
	if err != nil {
		return err
	}
	defer v.Close()
	list := order(v.Len())
	for range passes {
		p.Pairs, p.Bytes, p.Text = 0, 0, 0
		p.start()
		for _, i := range list {
			pair, err := v.Pair(i)
			if err != nil {
				return err
			}
			p.facts(&pair)
			if pictures {
				p.picture(&pair)
			}
		}
	}
	return nil
}

// oneAtRandom times single pairs of a view whose batches were used before.
func oneAtRandom(folder string, p *pass) error {
	d, err := shard.OpenDataset(folder)
	if err != nil {
		return err
	}
	v, err := d.Open(shard.Training)
	if err != nil {
		return err
	}
	defer v.Close()
	for i := range v.Len() {
		if _, err := v.Pair(i); err != nil {
			return err
		}
	}
	random := rand.New(rand.NewPCG(2, 2))
	p.micros = make([]float64, 0, 100000)
	p.start()
	for range cap(p.micros) {
		i := random.IntN(v.Len())
		before := time.Now()
		pair, err := v.Pair(i)
		if err != nil {
			return err
		}
		p.facts(&pair)
		p.picture(&pair)
		p.micros = append(p.micros, float64(time.Since(before).Nanoseconds())/1e3)
	}
	return nil
}

func eachFile(folder string, p *pass, read func(f *os.File, size int64, p *pass) error) error {
	paths, err := filepath.Glob(filepath.Join(folder, "shard-*.arrow"))
	if err != nil {
		return err
	}
	m, err := shard.ReadManifest(folder)
	if err != nil {
		return err
	}
	p.Pairs = m.Rows()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			err = read(f, info.Size(), p)
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// pictureSize is what is copied at a time: the average picture.
const pictureSize = 20 << 10

func readAll(f *os.File, _ int64, p *pass) error {
	for {
		n, err := f.Read(p.to[:pictureSize])
		p.Bytes += int64(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func mapAll(f *os.File, size int64, p *pass) error {
	mapped, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	for rest := mapped; len(rest) > 0; {
		n := copy(p.to[:pictureSize], rest)
		p.Bytes += int64(n)
		rest = rest[n:]
	}
	return unix.Munmap(mapped)
}

// measure prints what a way takes: seconds of wall and of processors (user and system).
func measure(folder string, w way) error {
	var p pass
	var began time.Time
	var before float64
	p.start = func() {
		runtime.GC()
		began, before = time.Now(), processor()
	}
	p.start()
	if err := w.read(folder, &p); err != nil {
		return err
	}
	wall, cpu := time.Since(began).Seconds(), processor()-before
	out := map[string]any{"way": "pairloom: " + w.name, "pairs": p.Pairs, "MB": p.Bytes / 1e6, "wall": wall, "cpu": cpu, "pairs_per_core_second": float64(p.Pairs) / cpu}
	if len(p.micros) > 0 {
		slices.Sort(p.micros)
		out["p50_us"], out["p99_us"] = p.micros[len(p.micros)/2], p.micros[len(p.micros)*99/100]
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// processor is the time that this process has had of processors, in seconds.
func processor() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for this process
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
