package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/optout"
)

// candidates prints what measure counts, so that two builds can be compared: a line
// a candidate and a line for each record that gave none.
func candidates(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	r := archive.NewReader(f, func(reason string, at int64) { fmt.Fprintln(out, at, reason) })
	defer r.Close()
	x := archive.NewExtractor(archive.Options{Token: "pairloom", Respect: optout.Words(), MaxPageBytes: 5 << 20, Now: time.Unix(1767225600, 0)}, nil)
	e := json.NewEncoder(out)
	for {
		record, err := r.Next()
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			return err
		}
		list, reason := x.Record(record, "x")
		if reason != "" {
			fmt.Fprintln(out, record.Offset, reason)
		}
		for i := range list {
			if err := e.Encode(&list[i]); err != nil {
				return err
			}
		}
	}
}
