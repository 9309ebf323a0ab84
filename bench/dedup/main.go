// Command dedup measures the search for near pictures, beside which peers.py measures
// that of others: it makes perceptual hashes in bulk from those of real pictures, finds
// all pairs within a distance and which hashes hang together, and that once more when a
// few are new. See README.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/dedup/hamming"
)

func main() {
	real := flag.String("real", "", "make hashes from those in this file, 8 bytes each, little-endian")
	n := flag.Int("hashes", 10_000_000, "how many to make")
	file := flag.String("file", "hashes.u64", "the file with the different hashes, ascending; with -real it is written")
	do := flag.String("do", "pairs", "pairs, components, or more: components when all but -new hashes are known")
	fresh := flag.Int("new", 10_000, "how many hashes are new")
	distance := flag.Int("distance", 4, "most bits that differ")
	memory := flag.Int("memory_mib", 512, "memory of the search")
	workers := flag.Int("workers", 2, "goroutines")
	sample := flag.Int("sample", 1000, "print how many hashes are near to one in so many, to hold against others")
	flag.Parse()
	log.SetFlags(0)
	if *real != "" {
		check(generate(*real, *file, *n))
		return
	}
	f, err := os.Open(*file)
	check(err)
	defer f.Close()
	info, err := f.Stat()
	check(err)
	count := info.Size() / 8
	o := hamming.Options{Distance: *distance, Workers: *workers, Memory: *memory << 20, Dir: filepath.Dir(*file)}
	switch *do {
	case "pairs":
		var pairs, sampled atomic.Int64
		measure(fmt.Sprintf("pairs of %d", count), count, func() {
			check(hamming.Join(context.Background(), f, count, o, func(batch []hamming.Pair) {
				pairs.Add(int64(len(batch)))
				near := int64(0)
				for _, p := range batch {
					if p.A%uint32(*sample) == 0 {
						near++
					}
					if p.B%uint32(*sample) == 0 {
						near++
					}
				}
				sampled.Add(near)
			}))
		})
		fmt.Printf("  %d pairs; %d near to each %dth hash\n", pairs.Load(), sampled.Load(), *sample)
	case "components":
		measure(fmt.Sprintf("components of %d", count), count, func() {
			forest, err := hamming.Components(context.Background(), f, count, nil, o)
			check(err)
			check(forest.Close())
		})
	case "more":
		more(f, count, int64(*fresh), o)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// measure prints what do takes, beyond what the process had before.
func measure(what string, n int64, do func()) {
	debug.FreeOSMemory()
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start := time.Now()
	do()
	wall := time.Since(start)
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	fmt.Printf("%s: %.2f s, %.2f s of processor time, %.0f ns a hash; largest memory of the process %d MiB, %.1f bytes a hash\n",
		what, wall.Seconds(), cpu.Seconds(), float64(cpu.Nanoseconds())/float64(n), after.Maxrss>>10, float64(after.Maxrss<<10)/float64(n))
}

// more finds the components of all but some hashes, and then those of all, with what
// is known and without, and compares.
func more(f *os.File, count, fresh int64, o hamming.Options) {
	every := count / fresh
	words := make([]byte, 8*count)
	_, err := f.ReadAt(words, 0)
	check(err)
	old := make([]byte, 0, 8*(count-fresh))
	for p := range count {
		if p%every != every/2 {
			old = append(old, words[8*p:8*p+8]...)
		}
	}
	was := int64(len(old) / 8)
	forest, err := hamming.Components(context.Background(), bytes.NewReader(old), was, nil, o)
	check(err)
	roots := make([]byte, 0, 4*was)
	for p := range uint32(was) {
		roots = binary.LittleEndian.AppendUint32(roots, forest.Root(p))
	}
	check(forest.Close())
	var found [2]*hamming.Forest
	for i, known := range []*hamming.Known{nil, {List: bytes.NewReader(old), Roots: bytes.NewReader(roots), Len: was}} {
		what := "all anew"
		if known != nil {
			what = fmt.Sprintf("%d of them new", count-was)
		}
		measure(fmt.Sprintf("components of %d, %s", count, what), count, func() {
			found[i], err = hamming.Components(context.Background(), f, count, known, o)
			check(err)
		})
	}
	for p := range uint32(count) {
		if found[0].Root(p) != found[1].Root(p) {
			log.Fatalf("the components differ at hash %d", p)
		}
	}
	fmt.Println("  the components are equal")
}

// generate makes hashes as a crawl has them. Seven in ten are of new pictures: each row
// of frequencies from one of two real ones, so that there are as many different ones as
// needed, with bits that go together as in real ones. Three in ten look like an earlier
// one, whichever, so that the more copies a picture has the more it gets: 0, 2, 4 or 6
// bits flipped, four, three, two and one times in ten. One in two hundred is flat.
func generate(real, file string, n int) error {
	data, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	var pool []uint64
	for ; len(data) >= 8; data = data[8:] {
		if w := binary.LittleEndian.Uint64(data); bits.OnesCount64(w) >= 20 && bits.OnesCount64(w) <= 44 {
			pool = append(pool, w)
		}
	}
	if len(pool) < 1000 {
		return fmt.Errorf("%s has only %d hashes", real, len(pool))
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]uint64, n)
	for i := range words {
		switch x := r.IntN(200); {
		case x == 0:
			words[i] = uint64(r.IntN(2))
		case x < 60 && i > 0:
			w := words[r.IntN(i)]
			for range []int{0, 0, 0, 0, 2, 2, 2, 4, 4, 6}[r.IntN(10)] {
				w ^= 1 << r.IntN(64)
			}
			words[i] = w
		default:
			rows := r.Uint64()
			mask := uint64(0)
			for row := range 8 {
				if rows>>row&1 != 0 {
					mask |= 0xff << (8 * row)
				}
			}
			words[i] = pool[r.IntN(len(pool))]&mask | pool[r.IntN(len(pool))]&^mask
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	// The flat ones take no part in the search, as in dedup.NearPictures.
	words = slices.DeleteFunc(words, func(w uint64) bool { return bits.OnesCount64(w) < 20 || bits.OnesCount64(w) > 44 })
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	var b [8]byte
	for _, word := range words {
		binary.LittleEndian.PutUint64(b[:], word)
		w.Write(b[:]) // Flush tells its error
	}
	fmt.Printf("%s: %d different hashes of %d, from %d real ones\n", file, len(words), n, len(pool))
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}
