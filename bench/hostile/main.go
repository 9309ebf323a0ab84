// Command hostile gives the picture decoder what is meant to hurt it, and prints what
// became of it and the most memory that the parent and a child had.
//
//	hostile pictures FILE...           as they are, with the usual limit of pixels and without
//	hostile damaged COUNT FILE...      COUNT variants of them: cut, flipped, overwritten
//	hostile long COUNT FILE...         COUNT pictures through one child: does memory grow
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/internal/picture"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "decoder":
		return picture.Serve(os.Stdin, os.Stdout, picture.Limits{})
	case len(args) > 1 && args[0] == "pictures":
		for _, limit := range []int64{50_000_000, 1_000_000_000} {
			if err := try(fmt.Sprintf("limit %d megapixels", limit/1e6), picture.PoolOptions{MaxPixels: limit}, asTheyAre(args[1:])); err != nil {
				return err
			}
		}
		return nil
	case len(args) > 2 && args[0] == "damaged":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return try("damaged", picture.PoolOptions{}, damaged(args[2:], n))
	case len(args) > 2 && args[0] == "long":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return long(n, args[2:])
	}
	return errors.New("usage: hostile pictures FILES | damaged COUNT FILES | long COUNT FILES")
}

type source func(yield func([]byte, error) bool)

func asTheyAre(files []string) source {
	return func(yield func([]byte, error) bool) {
		for _, f := range files {
			if !yield(os.ReadFile(f)) {
				return
			}
		}
	}
}

func damaged(files []string, n int) source {
	rng := rand.New(rand.NewPCG(1, 2))
	return func(yield func([]byte, error) bool) {
		for i := range n {
			b, err := os.ReadFile(files[i%len(files)])
			if err == nil && len(b) > 0 {
				at := rng.IntN(len(b))
				switch i / len(files) % 4 {
				case 0:
					b = b[:at]
				case 1:
					for range 1 + rng.IntN(8) {
						b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
					}
				case 2:
					for j := at; j < min(len(b), at+1+rng.IntN(16)); j++ {
						b[j] = byte(rng.Uint32())
					}
				case 3:
					b = append(b[:at], b[min(len(b), at+1+rng.IntN(64)):]...)
				}
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// try counts what becomes of the pictures of a source.
func try(name string, o picture.PoolOptions, pictures source) error {
	began := time.Now()
	pool, err := picture.NewPool([]string{os.Args[0], "decoder"}, 0, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	outcomes, n := map[string]int{}, 0
	for b, err := range pictures {
		if err != nil {
			return err
		}
		res, err := pool.Process(context.Background(), bytes.Clone(b))
		if err != nil {
			return err
		}
		outcomes[res.Reason]++
		n++
	}
	if err := pool.Close(); err != nil {
		return err
	}
	fmt.Printf("%s: %d tried in %.0f s\n", name, n, time.Since(began).Seconds())
	for _, reason := range slices.Sorted(maps.Keys(outcomes)) {
		what := reason
		if reason == "" {
			what = "a picture"
		}
		fmt.Printf("  %6d %s\n", outcomes[reason], what)
	}
	var self, children syscall.Rusage
	if err := errors.Join(syscall.Getrusage(syscall.RUSAGE_SELF, &self), syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)); err != nil {
		return err
	}
	fmt.Printf("  most memory so far: parent %d MiB, a child %d MiB\n", self.Maxrss>>10, children.Maxrss>>10)
	return nil
}

// long prints what the parent and its one child hold and have open as they go.
func long(n int, files []string) error {
	pool, err := picture.NewPool([]string{os.Args[0], "decoder"}, 1, picture.PoolOptions{PicturesPerChild: 1 << 30})
	if err != nil {
		return err
	}
	defer pool.Close()
	var pictures [][]byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		pictures = append(pictures, b)
	}
	for i := 1; i <= n; i++ {
		if _, err := pool.Process(context.Background(), pictures[i%len(pictures)]); err != nil {
			return err
		}
		if i%(n/10) == 0 {
			child, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
			if err != nil || len(bytes.Fields(child)) == 0 {
				child = children()
			}
			pid := strings.TrimSpace(string(child))
			fmt.Printf("after %7d pictures: parent %s, %d descriptors; child %s, %d descriptors\n",
				i, resident("self"), descriptors("self"), resident(pid), descriptors(pid))
		}
	}
	return nil
}

// children are the processes that any of this one's threads started.
func children() []byte {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		if b, err := os.ReadFile("/proc/self/task/" + t.Name() + "/children"); err == nil && len(bytes.Fields(b)) > 0 {
			return b
		}
	}
	return nil
}

func resident(pid string) string {
	b, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "?"
}

func descriptors(pid string) int {
	list, _ := os.ReadDir("/proc/" + pid + "/fd")
	return len(list)
}
