// Command picture converts the pictures of a list and prints the processor time that one
// takes, by kind. The list has a line for each: its kind, a tab, its file.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/internal/picture"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "decoder" {
		if err := picture.Serve(os.Stdin, os.Stdout, picture.Limits{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture LIST")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(list string) error {
	f, err := os.Open(list)
	if err != nil {
		return err
	}
	defer f.Close()
	kinds := map[string][][]byte{}
	var order []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		kind, file, _ := strings.Cut(sc.Text(), "\t")
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if kinds[kind] == nil {
			order = append(order, kind)
		}
		kinds[kind] = append(kinds[kind], b)
	}
	for _, kind := range order {
		before, began := processorTime(), time.Now()
		pool, err := picture.NewPool([]string{os.Args[0], "decoder"}, 1, picture.PoolOptions{})
		if err != nil {
			return err
		}
		reasons, out := map[string]int{}, 0
		for _, b := range kinds[kind] {
			res, err := pool.Process(context.Background(), b)
			if err != nil {
				return err
			}
			if res.Reason != "" {
				reasons[res.Reason]++
			}
			out += len(res.Bytes)
		}
		pool.Close()
		n := len(kinds[kind])
		spent := processorTime() - before
		fmt.Printf("%-10s %5d pictures  %7.2f ms of processor a picture  %7.2f s  %6.1f KB out a picture  %v\n", kind, n,
			spent.Seconds()*1000/float64(n), time.Since(began).Seconds(), float64(out)/1000/float64(n), reasons)
	}
	return nil
}

// processorTime is what this process and its ended children have had.
func processorTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
