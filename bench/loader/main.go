// Command loader measures package batch: pairs a second from shards to batches,
// without a model.
//
//	go run ./bench/loader [-shards FOLDER] [-pictures FOLDER] [-seconds 4] [-resolutions 64,112,224] [-cached=false]
//
// Without -shards it makes shards of 1,024 pairs, the JPEGs of -pictures over and
// over. "of a core" counts processor seconds, so that other work on the machine
// does not change it much; "wall" is what a model would get.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/token"
)

func main() {
	shards := flag.String("shards", "", "folder of shards to read")
	pictures := flag.String("pictures", "trainer/batch/testdata", "folder of JPEGs to make shards of")
	seconds := flag.Float64("seconds", 4, "time of each measurement")
	resolutions := flag.String("resolutions", "64,112,224", "pixels a side, with commas between")
	cached := flag.Bool("cached", true, "measure with a cache too")
	flag.Parse()
	if err := run(*shards, *pictures, time.Duration(*seconds*float64(time.Second)), *resolutions, *cached); err != nil {
		fmt.Fprintln(os.Stderr, "loader:", err)
		os.Exit(1)
	}
}

// crops are CLIP's own and open_clip's.
var crops = []struct {
	name          string
	scale, aspect float64
}{{"square", 0, 0}, {"resized", 0.9, 0.75}}

func run(shards, pictures string, duration time.Duration, resolutions string, cache bool) error {
	if shards == "" {
		folder, err := os.MkdirTemp("", "loader")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		if err := makeShards(folder, pictures); err != nil {
			return err
		}
		shards = folder
	}
	source, err := batch.Open(shards, batch.Training)
	if err != nil {
		return err
	}
	defer source.Close()
	fmt.Printf("%d pairs in the shards\n\n", source.Len())
	fmt.Println("| resolution | crop | cache | workers | pairs/s wall | pairs/s of a core |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, text := range strings.Split(resolutions, ",") {
		resolution, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("-resolutions: %w", err)
		}
		for crop := range crops {
			for _, cached := range []bool{false, true} {
				for workers := 1; workers <= runtime.NumCPU() && (cache || !cached); workers *= 2 {
					if err := measure(source, resolution, crop, cached, workers, duration); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func measure(source *batch.Source, resolution, crop int, cached bool, workers int, duration time.Duration) error {
	o := batch.Options{Batch: min(64, source.Len()), Resolution: resolution, Context: 77, Workers: workers, CropScale: crops[crop].scale, CropAspect: crops[crop].aspect}
	name := "no"
	if cached {
		o.CacheBytes, name = 1<<32, "yes"
	}
	l := batch.NewLoader(source, token.Public(), o, 0, 1<<40)
	defer l.Close()
	take := func() error {
		b, err := l.Next(context.Background())
		if err == nil {
			l.Release(b)
		}
		return err
	}
	warm := 2 * workers // batches, so that memory has grown
	if cached {
		warm += source.Len()/o.Batch + 1
	}
	for range warm {
		if err := take(); err != nil {
			return err
		}
	}
	start, processor, n := time.Now(), processorTime(), 0
	for ; time.Since(start) < duration; n += o.Batch {
		if err := take(); err != nil {
			return err
		}
	}
	wall, used := time.Since(start), processorTime()-processor
	fmt.Printf("| %d | %s | %s | %d | %.0f | %.0f |\n", resolution, crops[crop].name, name, workers, float64(n)/wall.Seconds(), float64(n)/used.Seconds())
	return nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var captions = []string{
	"Portrait of an American astronaut in front of a flag and a model of a shuttle",
	"The cat Chelsea, looking to the side, eyes half closed",
	"A cup of espresso on a wooden table, photographed from above",
	"a cup of coffee with a spoon", "Black and white photo of a cat's face",
}

func makeShards(folder, pictures string) error {
	names, err := filepath.Glob(filepath.Join(pictures, "*.jpg"))
	if err != nil {
		return err
	}
	var files [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, data)
	}
	if len(files) == 0 {
		return fmt.Errorf("make shards: no *.jpg in %s; name a folder with -pictures", pictures)
	}
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		return err
	}
	tally := shard.NewTally("shard", "pairs", "pairs")
	for i := range 1024 {
		if err := w.Write(&shard.Pair{PairID: uint64(i), Text: captions[i%len(captions)], Image: files[i%len(files)]}); err != nil {
			w.Discard()
			return err
		}
		tally.Keep()
	}
	part, err := w.Close()
	if err != nil {
		return err
	}
	return shard.WriteManifest(folder, &shard.Manifest{Stage: "shard", Tally: tally, Parts: []shard.Part{part}})
}
