// Command phash prints the perceptual hash of each picture of a list, as 16 hexadecimal
// digits before its name, or the reason why there is none, and the processor time that
// reading, decoding and hashing took.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/internal/picture"
)

func main() {
	err := fmt.Errorf("usage: phash LIST, a file with the name of a picture a line")
	switch {
	case len(os.Args) == 2 && os.Args[1] == "decoder":
		err = picture.Serve(os.Stdin, os.Stdout, picture.Limits{})
	case len(os.Args) == 2:
		err = run(os.Args[1])
	}
	if err != nil {
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
	pool, err := picture.NewPool([]string{os.Args[0], "decoder"}, 1, picture.PoolOptions{Format: picture.Nothing})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	n, began := 0, time.Now()
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		b, err := os.ReadFile(sc.Text())
		if err != nil {
			return err
		}
		res, err := pool.Process(context.Background(), b)
		if err != nil {
			return err
		}
		if res.Reason != "" {
			fmt.Fprintf(out, "%s\t%s\n", res.Reason, sc.Text())
		} else {
			fmt.Fprintf(out, "%016x\t%s\n", res.PHash, sc.Text())
		}
	}
	pool.Close()
	spent := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return err
		}
		spent += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	fmt.Fprintf(os.Stderr, "%-11s %6d pictures  %7.3f ms of processor a picture  %6.1f s\n",
		"pairloom", n, spent.Seconds()*1000/float64(n), time.Since(began).Seconds())
	return nil
}
