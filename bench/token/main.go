// Command token measures package token on one core and compares its tokens with
// those that peers.py wrote.
//
//	token run TEXTS ROUNDS          texts a processor second, best of the rounds
//	token check TEXTS TOKENS COUNT  how many of the texts have other tokens; the first COUNT of them
//
// TEXTS has one text a line. TOKENS has, for each, the number of tokens without
// start and end, then the tokens, as little-endian int32.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/trainer/token"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "token:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: token run TEXTS ROUNDS, or token check TEXTS TOKENS COUNT")
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	texts := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	switch {
	case args[0] == "run":
		rounds, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return measure(texts, rounds)
	case args[0] == "check" && len(args) == 4:
		show, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return check(texts, args[2], show)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func measure(texts []string, rounds int) error {
	runtime.GOMAXPROCS(1)
	best, sum := time.Duration(1<<62), 0
	for range rounds {
		e := token.Public().NewEncoder()
		tokens := make([]int32, 0, 1<<12)
		sum = 0
		start := processorTime()
		for _, text := range texts {
			tokens = e.Append(tokens[:0], text, 1<<30)
			sum += len(tokens)
		}
		best = min(best, processorTime()-start)
	}
	fmt.Printf("pairloom\t%d\t%.0f\t%d\n", len(texts), float64(len(texts))/best.Seconds(), sum)
	return nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func check(texts []string, path string, show int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	e := token.Public().NewEncoder()
	var ours []int32
	differ, tokens := 0, 0
	for i, text := range texts {
		var n int32
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
			return fmt.Errorf("read %s: text %d: %w", path, i, err)
		}
		theirs := make([]int32, n)
		if err := binary.Read(r, binary.LittleEndian, theirs); err != nil {
			return fmt.Errorf("read %s: text %d: %w", path, i, err)
		}
		ours = e.Append(ours[:0], text, 1<<30)
		tokens += len(theirs)
		if slices.Equal(ours[1:len(ours)-1], theirs) {
			continue
		}
		if differ++; differ <= show {
			fmt.Printf("line %d: %q\n  ours   %q\n  theirs %q\n", i+1, text, token.Public().Decode(ours), token.Public().Decode(theirs))
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return fmt.Errorf("read %s: it has tokens for more than %d texts", path, len(texts))
	}
	fmt.Printf("%d texts, %d tokens, %d texts differ\n", len(texts), tokens, differ)
	return nil
}
