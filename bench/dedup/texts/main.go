// Command texts measures near-duplicate texts: it makes captions with edited copies
// among them, deduplicates them as curate does, and holds what it and its peer dropped
// against exact comparisons. See README.md.
package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/dedup/minhash"
	"github.com/pairloom/pairloom/internal/fold"
)

func main() {
	commands := map[string]func(args []string) error{"make": makeTexts, "run": run, "judge": judge, "numbers": makeNumbers, "banding": banding}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: texts make FROM COUNT OUT | texts numbers COUNT OUT | texts banding SIMILARITY | texts run TEXTS SIMILARITY MIB OUT | texts judge TEXTS SIMILARITY SAMPLE DROPPED...")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "texts:", err)
		os.Exit(1)
	}
}

func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines, s.Err()
}

func writeLines(path string, lines []string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

const seed = 14

// makeTexts writes COUNT folded texts, a fifth of them edited copies of others, in an
// order that is shuffled with a seed.
func makeTexts(args []string) error {
	all, err := readLines(args[0])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for i, l := range all {
		all[i] = fold.Text(l)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	copies := count / 5
	if len(all) < count-copies {
		return fmt.Errorf("%s has only %d different texts", args[0], len(all))
	}
	texts := all[:count-copies]
	for range copies {
		texts = append(texts, edit(r, texts[r.IntN(count-copies)], texts[r.IntN(count-copies)]))
	}
	r.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	return writeLines(args[2], texts)
}

// edit makes of a text what web pages make of captions.
func edit(r *rand.Rand, text, other string) string {
	words := strings.Fields(text)
	at := r.IntN(len(words))
	switch r.IntN(7) {
	case 0: // a typing error
		b := []rune(text)
		b[r.IntN(len(b))] = rune('a' + r.IntN(26))
		return string(b)
	case 1: // a word left out
		return strings.Join(slices.Delete(words, at, at+1), " ")
	case 2: // a word of another text put in
		w := strings.Fields(other)
		return strings.Join(slices.Insert(words, at, w[r.IntN(len(w))]), " ")
	case 3: // a number behind it
		return fmt.Sprintf("%s (%d)", text, r.IntN(1000))
	case 4: // two words change places
		to := r.IntN(len(words))
		words[at], words[to] = words[to], words[at]
		return strings.Join(words, " ")
	case 5: // a site's name before it
		return "stock photo: " + text
	}
	return strings.TrimRight(text, ".!?") + " ..." // cut off
}

// makeNumbers writes texts that differ in a number alone.
func makeNumbers(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	lines := make([]string, count)
	for i := range lines {
		lines[i] = fmt.Sprintf("holiday photo number %07d of the family album, 2019", i*7919%9999991)
	}
	return writeLines(args[1], lines)
}

// banding prints the bands and rows that a similarity is given.
func banding(args []string) error {
	similarity, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return err
	}
	const places = 126 // as in package dedup
	b := minhash.NewBanding(places, similarity)
	fmt.Println(b.Bands, b.Rows)
	return nil
}

// run deduplicates the texts, the first of similar ones staying, and writes for each
// that is dropped its number and that of the one it is like.
func run(args []string) error {
	texts, err := readLines(args[0])
	if err != nil {
		return err
	}
	similarity, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return err
	}
	mib, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "texts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := os.Create(args[3])
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	began, cpu := time.Now(), processor()
	n := dedup.NewNearTexts(dedup.TextOptions{TextSimilarity: similarity, TextMinCharacters: 20}, 0, nil, dir, mib<<20)
	defer n.Close()
	p := dedup.Pair{QueryIDs: []uint32{1, 2}}
	for i, text := range texts {
		p.Place, p.PairID, p.Pixels = uint64(i), uint64(i), uint64(len(texts)-i)
		p.Text = append(p.Text[:0], text...)
		p.TextHash, p.Characters = xxhash.Sum64(p.Text), uint32(len(text))
		if err := n.Add(&p); err != nil {
			return err
		}
	}
	dropped := 0
	for v, err := range n.Verdicts() {
		if err != nil {
			return err
		}
		if v.Reason != "" {
			dropped++
			fmt.Fprintf(w, "%d\t%d\n", v.PairID, v.Like)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("pairloom\t%d\t%.2f\t%.2f\t%d\t%d\n", len(texts), time.Since(began).Seconds(), processor()-cpu, peak()>>20, dropped)
	return out.Close()
}

// processor is the processor time that was taken, in seconds.
func processor() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peak is the most memory that was resident, in bytes.
func peak() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Maxrss << 10
}
