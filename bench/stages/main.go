// Command stages measures whole stages of the road on folders that it makes: a
// million candidates and more of real texts, and pictures without bytes.
//
//	stages candidates FOLDER COUNT TEXTS   writes parts of candidates
//	stages images DATASET                  writes an outcome for each matched picture
//	stages rows FOLDER                     prints how many rows a folder has
//	stages run RECORDS COMMAND ARGS...     runs the command and prints what it took
//
// run.sh beside it puts them together.
package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stages:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "candidates":
		count, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return candidates(args[1], count, args[3])
	case len(args) == 2 && args[0] == "images":
		return images(args[1])
	case len(args) == 2 && args[0] == "rows":
		m, err := shard.ReadManifest(args[1])
		if err == nil {
			fmt.Println(m.Rows())
		}
		return err
	case len(args) > 2 && args[0] == "run":
		records, err := strconv.ParseFloat(args[1], 64)
		if err != nil {
			return err
		}
		return measure(records, args[2:])
	}
	return fmt.Errorf("usage: candidates FOLDER COUNT TEXTS | images DATASET | rows FOLDER | run RECORDS COMMAND, with its arguments")
}

const partRows = 50_000

// folder writes parts and their manifest.
type folder[T shard.Record] struct {
	path   string
	origin shard.Origin
	part   *shard.PartWriter[T]
	m      shard.Manifest
}

func (f *folder[T]) write(row *T, most int) (err error) {
	if f.part == nil {
		if f.part, err = shard.CreatePart[T](f.path, fmt.Sprintf("part-%05d.arrow", len(f.m.Parts)), f.origin); err != nil {
			return err
		}
	}
	if err := f.part.Write(row); err != nil || f.part.Rows() < int64(most) {
		return err
	}
	return f.end()
}

func (f *folder[T]) end() error {
	if f.part == nil {
		return nil
	}
	p, err := f.part.Close()
	f.part = nil
	f.m.Parts = append(f.m.Parts, p)
	return err
}

func (f *folder[T]) finish(t *shard.Tally) error {
	if err := f.end(); err != nil {
		return err
	}
	t.Out = t.Kept
	f.m.Stage, f.m.Settings, f.m.Input, f.m.Tally = f.origin.Stage, f.origin.Settings, f.origin.Input, t
	return shard.WriteManifest(f.path, &f.m)
}

// candidates writes count candidates with the lines of a file, over and over, on
// pages of a few thousand sites. One in twenty repeats the candidate before it on
// another page.
func candidates(path string, count int, texts string) error {
	data, err := os.ReadFile(texts)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	r := rand.New(rand.NewPCG(1, 0))
	f := folder[shard.Candidate]{path: path, origin: shard.Origin{Stage: "crawl", Settings: "bench"}}
	tally := shard.NewTally("crawl", "pages", "candidates")
	c := shard.Candidate{Language: "en", Source: "live", CrawlTime: 1_700_000_000}
	sources := []string{"alt", "alt", "alt", "alt", "figcaption", "title"}
	for i := range count {
		site := r.IntN(5000)
		c.PageURL = fmt.Sprintf("https://www.site-%d.example/articles/2023/%x/", site, r.Uint32())
		if i%20 != 19 {
			c.ImageURL = fmt.Sprintf("https://cdn.site-%d.example/wp-content/uploads/2023/%02d/%016x-1024x768.jpg", site, 1+r.IntN(12), r.Uint64())
			c.Text = lines[i%len(lines)]
		}
		c.TextSource = sources[r.IntN(len(sources))]
		if err := f.write(&c, partRows); err != nil {
			return err
		}
		tally.Keep()
	}
	return f.finish(tally)
}

// images writes an outcome for each matched picture of a dataset, as fetched by its
// settings: all of them were fetched, one in a hundred is another's copy, and none
// has bytes.
func images(dir string) error {
	options, err := config.Load(filepath.Join(dir, config.FileName))
	if err != nil {
		return err
	}
	settings := ""
	for _, s := range pipeline.Road(pipeline.Work{Dir: dir, Options: *options}) {
		if s.Name == pipeline.FetchName {
			if settings, err = s.Settings(); err != nil {
				return err
			}
		}
	}
	matched, path := filepath.Join(dir, shard.MatchedFolder), filepath.Join(dir, shard.ImagesFolder)
	m, err := shard.ReadManifest(matched)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(2, 0))
	f := folder[shard.Image]{path: path, origin: shard.Origin{Stage: "fetch", Settings: settings}}
	tally := shard.NewTally("fetch", "pictures", "pictures")
	var last uint64
	for row, err := range shard.Rows[shard.Matched](matched, m.Parts) {
		if err != nil {
			return err
		}
		if tally.In > 0 && row.ImageID == last {
			continue
		}
		last = row.ImageID
		i := shard.Image{
			ImageID: row.ImageID, ImageURL: row.ImageURL, HTTPStatus: 200, FetchTime: 1_700_000_000, Width: 341, Height: 256,
			PictureHash: r.Uint64(), PHash: r.Uint64(), OriginalFormat: "jpeg", OriginalWidth: 1024, OriginalHeight: 768, OriginalBytes: 150_000,
		}
		if r.IntN(100) == 0 {
			i.PictureHash = uint64(r.IntN(1000))
		}
		if err := f.write(&i, 1000); err != nil {
			return err
		}
		tally.Keep()
	}
	return f.finish(tally)
}

// measure runs the command and prints its times by record and its peak memory,
// that of its children aside.
func measure(records float64, args []string) error {
	c := exec.Command(args[0], args[1:]...)
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	c.Stderr = os.Stderr
	began := time.Now()
	if err := c.Start(); err != nil {
		return err
	}
	var last string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	wall := time.Since(began)
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	fmt.Printf("%-8s %9.0f records %6.2f us of processor each, %7.2f s of it, %7.2f s by the clock, peak %5d MiB   %s\n",
		args[1], records, cpu.Seconds()*1e6/records, cpu.Seconds(), wall.Seconds(), usage.Maxrss>>10, last)
	return nil
}
