// Command browse writes a dataset of generated pairs, or takes the one that is there,
// and measures package browse on it: how long the index takes, what it keeps in memory,
// and how long pages and pictures take. run.sh runs it; README.md has its figures.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/browse"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
)

const address = "127.0.0.1:8770"

func main() {
	dir := flag.String("dir", "", "folder of the dataset, which is written where it has none")
	pairs := flag.Int("pairs", 100_000, "pairs in the shards; a third as many are dropped")
	size := flag.Int("bytes", 20_000, "bytes of a picture")
	flag.Parse()
	if err := measure(*dir, *pairs, *size); err != nil {
		log.Fatal(err)
	}
}

func measure(dir string, pairs, size int) error {
	if _, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder)); err != nil {
		if err := write(dir, pairs, size); err != nil {
			return err
		}
	}
	began, cpu := time.Now(), processor()
	settings := &pipeline.Options{Workers: 1, MemoryMiB: 256}
	settings.Match = pipeline.MatchOptions{Queries: "list.zst", Mode: "clean"}
	page, err := browse.New(browse.Options{Dir: dir, Address: address, Settings: settings})
	if err != nil {
		return err
	}
	defer page.Close()
	wall, cpu := time.Since(began), processor()-cpu
	all, finished := page.Pairs()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%d pairs, %d in shards: start %.2f s, %.2f s of processor; heap %.1f MB, %.0f bytes a pair\n",
		all, finished, wall.Seconds(), cpu.Seconds(), float64(m.HeapAlloc)/1e6, float64(m.HeapAlloc)/float64(all))
	for _, path := range []string{
		"/", "/?page=500", "/?q=is:dropped", "/?q=reason:short_side", "/?q=w7", "/?q=w7+w11", `/?q="w7+w11"`, "/?q=w31415", "/?q=host:h77.example", "/?q=query:%23123",
		"/?q=w7+-w8+host:h77.example+is:any", "/dropped", "/alike", "/queries", "/hosts",
	} {
		// The first time a search is done, and what pages of it take after that.
		cpu := processor()
		first := timed(page, path)
		cpu = processor() - cpu
		var later []time.Duration
		for i := range 21 {
			join := "?"
			if strings.Contains(path, "?") {
				join = "&"
			}
			later = append(later, timed(page, fmt.Sprintf("%s%spage=%d", path, join, i%5+1)))
		}
		slices.Sort(later)
		fmt.Printf("%-40s first %7.1f ms (%.1f of processor), median %7.1f ms, most %7.1f ms\n", path, ms(first), ms(cpu), ms(later[len(later)/2]), ms(later[len(later)-1]))
	}
	ids := regexp.MustCompile(`data-pair="([0-9a-f]{16})"`).FindAllStringSubmatch(body(page, "/?q=w7+w11"), -1)
	var sheets, pictures, ways []time.Duration
	for i, id := range ids {
		if i < 5 {
			ways = append(ways, timed(page, "/road?part=1&asked="+id[1]))
		}
		sheets = append(sheets, timed(page, "/pair/"+id[1]+"?q=w7+w11&at=0"))
		pictures = append(pictures, timed(page, "/picture/"+id[1]))
	}
	for name, list := range map[string][]time.Duration{"one pair": sheets, "a picture, all over the shards": pictures, "the way of a pair, asked for apart": ways} {
		if slices.Sort(list); len(list) > 0 {
			fmt.Printf("%-40s median %7.2f ms, most %7.1f ms, of %d\n", name, ms(list[len(list)/2]), ms(list[len(list)-1]), len(list))
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func ask(page http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+address+path, nil))
	if w.Code != http.StatusOK {
		log.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
	}
	return w
}

func timed(page http.Handler, path string) time.Duration {
	began := time.Now()
	ask(page, path)
	return time.Since(began)
}

func body(page http.Handler, path string) string { return ask(page, path).Body.String() }

// processor is the processor time of this process.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rows writes rows as a finished folder.
type rows[T shard.Record] struct {
	path    string
	name    string
	perPart int
	m       shard.Manifest
	part    *shard.PartWriter[T]
}

func newRows[T shard.Record](dir, folder, name string, perPart int) *rows[T] {
	return &rows[T]{path: filepath.Join(dir, folder), name: name, perPart: perPart, m: shard.Manifest{Stage: folder, Tally: shard.NewTally(folder, "pairs", "pairs")}}
}

func (r *rows[T]) write(row *T, reason string) {
	if r.part == nil {
		var err error
		if r.part, err = shard.CreatePart[T](r.path, fmt.Sprintf("%s%05d.arrow", r.name, len(r.m.Parts)), shard.Origin{Stage: r.m.Stage}); err != nil {
			log.Fatal(err)
		}
	}
	if err := r.part.Write(row); err != nil {
		log.Fatal(err)
	}
	if reason == "" {
		r.m.Tally.Keep()
	} else {
		r.m.Tally.Drop(reason)
	}
	if int(r.part.Rows()) == r.perPart {
		r.end()
	}
}

func (r *rows[T]) end() {
	if r.part == nil {
		return
	}
	part, err := r.part.Close()
	if err != nil {
		log.Fatal(err)
	}
	r.m.Parts, r.part = append(r.m.Parts, part), nil
}

func (r *rows[T]) finish() error {
	r.end()
	return shard.WriteManifest(r.path, &r.m)
}

// rng is splitmix64: the same numbers on every machine.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number below n, small ones far more often.
func (r *rng) below(n int) int {
	f := float64(r.next()>>11) / (1 << 53)
	return int(f * f * f * float64(n))
}

// write makes the dataset: texts of 4 to 16 of 50,000 words, 3 queries of 100,000 each, and
// a host for each 50 pairs.
func write(dir string, pairs, size int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	finished := newRows[shard.Pair](dir, shard.ShardsFolder, shard.Training, 10_000)
	matched := newRows[shard.Matched](dir, shard.MatchedFolder, "part-", 50_000)
	selected := newRows[shard.Selection](dir, shard.SelectionFolder, "part-", 50_000)
	candidates := newRows[shard.Candidate](dir, shard.ProducerFolder(shard.ProducerCrawl), "part-", 50_000)
	if err := query.WriteFile(filepath.Join(dir, "list.zst"), nil, []query.Entry{{Text: "w7", Source: "bench", Count: 1}}); err != nil {
		return err
	}
	images := newRows[shard.Image](dir, shard.ImagesFolder, "part-", 10_000)
	seed := rng(1)
	picture := make([]byte, size)
	for i := range picture {
		picture[i] = byte(seed.next())
	}
	var stays uint64
	for i := range pairs + pairs/3 {
		var words []string
		for range 4 + seed.below(13) {
			words = append(words, fmt.Sprintf("w%d", seed.below(50_000)))
		}
		host := seed.below(pairs/50 + 1)
		c := shard.Candidate{
			PageURL: fmt.Sprintf("https://h%d.example/pages/of/some/length/%d.html", host, i), ImageURL: fmt.Sprintf("https://pictures%d.example/of/some/length/%d.jpg", host/7, i),
			Text: strings.Join(words, " "), TextSource: "alt", Source: "live", CrawlTime: 1_700_000_000,
		}
		queries := []uint32{uint32(seed.below(100_000)), uint32(100_000 + seed.below(100_000)), uint32(200_000 + seed.below(100_000))}
		m := shard.Matched{Candidate: c, PairID: shard.PairID(c.ImageURL, c.Text), ImageID: shard.ImageID(c.ImageURL), QueryIDs: queries}
		picture[0], picture[1], picture[2] = byte(i), byte(i>>8), byte(i>>16)
		s := shard.Selection{PairID: m.PairID, QueryIDs: queries}
		switch {
		case i%4 != 3:
			stays = m.PairID
			p := shard.Pair{PairID: m.PairID, PageURL: c.PageURL, ImageURL: c.ImageURL, Text: c.Text, TextSource: "alt", Source: "live", CrawlTime: c.CrawlTime, QueryIDs: queries,
				Image: picture, Format: "jpeg", Width: 256, Height: 256, PictureHash: seed.next(), PHash: seed.next()}
			finished.write(&p, "")
		case i%8 == 3:
			s.Reason, s.Detail = "near_duplicate_picture", fmt.Sprintf("the picture looks like that of pair %016x, which stays: their hashes differ in 2 of 64 bits, picture_distance is 4", stays)
		default:
			s.Reason, s.Detail = "short_side", "the short side has 64 pixels, at least 200 expected"
		}
		candidates.write(&c, "")
		matched.write(&m, "")
		selected.write(&s, s.Reason)
		img := shard.Image{ImageID: m.ImageID, ImageURL: c.ImageURL, HTTPStatus: 200, FetchTime: c.CrawlTime, Bytes: picture, Format: "jpeg", Width: 256, Height: 256}
		images.write(&img, "")
	}
	for _, finish := range []func() error{finished.finish, candidates.finish, matched.finish, selected.finish, images.finish} {
		if err := finish(); err != nil {
			return err
		}
	}
	return nil
}
