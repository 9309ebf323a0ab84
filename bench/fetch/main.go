// Command fetch measures how pictures are fetched and resized, from a site on
// loopback:
//
//	fetch serve   -pictures FOLDER -latency 50ms   serves its pictures on many addresses
//	fetch list    -pictures FOLDER -rows 20000 -dataset DIR -csv FILE
//	fetch list    -dead -rows 1000000 -dataset DIR
//	fetch measure NAME PICTURES COMMAND...         runs it and prints what it took
//
// run.sh beside it puts them together.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: fetch serve|list|measure, with flags")
	}
	if args[0] == "measure" {
		if len(args) < 4 {
			return errors.New("usage: fetch measure NAME PICTURES COMMAND")
		}
		pictures, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return measure(args[1], pictures, args[3:])
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	folder := flags.String("pictures", "pictures", "folder of pictures")
	hosts := flags.Int("hosts", 400, "addresses from 127.0.1.1 on")
	port := flags.Int("port", 8907, "port on each of them")
	latency := flags.Duration("latency", 0, "before each answer")
	rows := flags.Int("rows", 20000, "addresses in the list")
	dataset := flags.String("dataset", "", "folder that gets matched pairs")
	list := flags.String("csv", "", "file that gets the list")
	refused := flags.Bool("dead", false, "make a list of hosts that are refused undialled")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *refused {
		return writeMatched(*dataset, dead(*rows))
	}
	files, err := find(*folder)
	if err != nil {
		return err
	}
	if args[0] == "serve" {
		return serve(files, *hosts, *port, time.Duration(*latency))
	}
	all := addresses(files, *rows, *hosts, *port)
	if err := writeList(*list, all); err != nil {
		return err
	}
	fmt.Printf("%d addresses of %d pictures\n", len(all), len(files))
	return writeMatched(*dataset, all)
}
