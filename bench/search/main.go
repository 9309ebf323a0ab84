// Command search measures package search on generated vectors, beside the
// machine's memory bandwidth: a streaming read of a large buffer by all cores,
// in turn with the search, in the same process. Run run.sh.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/search"
)

func main() {
	rows := flag.Int("rows", 1<<20, "vectors")
	dim := flag.Int("dim", 512, "words of a vector")
	rounds := flag.Int("rounds", 9, "rounds of which the median counts")
	file := flag.String("file", "", "where the vectors are or will be")
	flag.Parse()
	if err := run(*file, *rows, *dim, *rounds); err != nil {
		log.Fatal(err)
	}
}

const model = "bench"

func run(file string, rows, dim, rounds int) error {
	if _, err := os.Stat(file); err != nil {
		if err := generate(file, rows, dim); err != nil {
			return err
		}
	}
	query := make([]float32, dim)
	noise(query, 7)
	buffer := bytes.Repeat([]byte{1}, rows*dim*4)
	size := float64(len(buffer))
	var read, fresh, again []float64
	for range rounds {
		began := time.Now()
		stream(buffer)
		read = append(read, size/time.Since(began).Seconds()/1e9)
		x, err := search.Open(model, file)
		if err != nil {
			return err
		}
		for _, to := range []*[]float64{&fresh, &again} {
			began = time.Now()
			if _, err := x.Top(context.Background(), query, 10, 0); err != nil {
				return err
			}
			*to = append(*to, size/time.Since(began).Seconds()/1e9)
		}
		x.Close()
	}
	for _, l := range [][]float64{read, fresh, again} {
		slices.Sort(l)
	}
	m := rounds / 2
	fmt.Printf("%d vectors of %d words (%.2f GB), %d cores, median (best) of %d rounds:\n", rows, dim, size/1e9, runtime.NumCPU(), rounds)
	fmt.Printf("  streaming read            %6.1f (%.1f) GB/s\n", read[m], read[rounds-1])
	fmt.Printf("  search, file just mapped  %6.1f (%.1f) GB/s, %.0f%% of the read, %.1f ms\n", fresh[m], fresh[rounds-1], 100*fresh[m]/read[m], size/fresh[m]/1e6)
	fmt.Printf("  search, second query      %6.1f (%.1f) GB/s, %.0f%% of the read, %.1f ms\n", again[m], again[rounds-1], 100*again[m]/read[m], size/again[m]/1e6)
	return nil
}

// noise fills x with numbers of -1 to 1 that depend on seed alone.
func noise(x []float32, seed uint64) {
	for i := range x {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		x[i] = float32(int32(seed)) / (1 << 31)
	}
}

func generate(file string, rows, dim int) error {
	w, err := shard.CreateEmbeddings(file, dim, shard.EmbeddingOrigin{Model: model, Of: "pictures", Source: "noise"})
	if err != nil {
		return err
	}
	x := make([]float32, dim)
	for i := range rows {
		noise(x, uint64(i)*0x9E3779B97F4A7C15+1)
		if err := w.Write(shard.EmbeddingRow{ID: uint64(i), Row: uint32(i)}, x); err != nil {
			w.Discard()
			return err
		}
	}
	return w.Close()
}

// stream reads all of x with the widest loads that Go's library has, a part a
// core, in search of a byte that is not there.
func stream(x []byte) {
	n := runtime.NumCPU()
	var done sync.WaitGroup
	for w := range n {
		part := x[w*len(x)/n : (w+1)*len(x)/n]
		done.Go(func() {
			if bytes.IndexByte(part, 0) >= 0 {
				panic("a byte of the buffer is 0")
			}
		})
	}
	done.Wait()
}
