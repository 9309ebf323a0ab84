package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pairloom/pairloom/query"
)

// faulty is a stdout that takes so many bytes and then fails.
type faulty struct {
	room int
	err  error
}

func (f *faulty) Write(p []byte) (int, error) {
	n := min(f.room, len(p))
	f.room -= n
	if n < len(p) {
		return n, &os.PathError{Op: "write", Path: "/dev/stdout", Err: f.err}
	}
	return n, nil
}

// foxList makes a query list of one query.
func foxList(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fox.zst")
	if err := query.WriteFile(path, nil, []query.Entry{{Text: "fox", Source: "test", Count: 1}}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOutputThatCannotBeWritten holds that no command ends well whose output was
// lost, be it at the first byte or at the last.
func TestOutputThatCannotBeWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	site := newSite(t)
	dir := newFolder(t, testSettings(site))
	crawled := newFolder(t, testSettings(site))
	must(t, "run", "-C", crawled, "--to", "crawl")
	list := foxList(t)
	for _, args := range [][]string{
		{"--help"},
		{"--version"},
		{"help", "run"},
		{"completion", "bash"},
		{"run", "-C", crawled, "--to", "crawl"},
		{"run", "-C", crawled, "--to", "crawl", "--json"},
		{"run", "-C", crawled, "--to", "crawl", "--quiet"},
		{"status", "-C", dir},
		{"status", "-C", dir, "--json"},
		{"explain", "-C", crawled, site + "index.html"},
		{"explain", "-C", crawled, site + "index.html", "--json"},
		{"init", "-C", "", "cats"},
		{"queries", "info", "--list", list},
		{"queries", "lookup", "a red fox", "--list", list},
		{"queries", "lookup", "a red fox", "--list", list, "--json"},
		{"queries", "lookup", "a bear", "--list", list},
	} {
		t.Run(strings.Join(args[:min(2, len(args))], " "), func(t *testing.T) {
			command := func(stdout io.Writer) (int, string) {
				if args[0] == "init" {
					args[2] = t.TempDir()
				}
				var stderr bytes.Buffer
				return run(args, stdout, &stderr), stderr.String()
			}
			var whole bytes.Buffer
			if code, stderr := command(&whole); code != 0 || whole.Len() == 0 {
				t.Fatalf("exit %d, %d bytes of output\n%s", code, whole.Len(), stderr)
			}
			for _, room := range []int{0, whole.Len() - 1} {
				code, stderr := command(&faulty{room, syscall.ENOSPC})
				if code != exitStorage || !strings.Contains(stderr, "pairloom: write the output: ") || !strings.Contains(stderr, "no space left on device") {
					t.Errorf("a full device after %d bytes: exit %d, want %d and the cause\n%s", room, code, exitStorage, stderr)
				}
				if code, stderr := command(&faulty{room, syscall.EPIPE}); code != exitPipe || strings.Contains(stderr, "pairloom: ") {
					t.Errorf("no reader after %d bytes: exit %d, want %d without a word\n%s", room, code, exitPipe, stderr)
				}
			}
		})
	}
}

// TestOutputAndAnotherError holds that the output does not hide what else went
// wrong.
func TestOutputAndAnotherError(t *testing.T) {
	other := &exitError{exitPartial, errors.New("kept nothing")}
	full := &output{w: &faulty{0, syscall.ENOSPC}}
	_, lost := full.Write([]byte("x"))
	for _, tt := range []struct {
		name string
		out  *output
		err  error
		want int
	}{
		{"all well", &output{w: io.Discard}, nil, exitDone},
		{"another error", &output{w: io.Discard}, other, exitPartial},
		{"both", full, other, exitPartial},
		{"the output alone", full, nil, exitStorage},
		{"the command tells of its output", full, fmt.Errorf("print: %w", lost), exitStorage},
	} {
		if got := exitCode(tt.out.result(tt.err)); got != tt.want {
			t.Errorf("%s: exit %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestOutputToAPipeWithoutReader runs the program itself, which the signal of
// the pipe ends.
func TestOutputToAPipeWithoutReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	c := program(t, "queries", "lookup", "a red fox", "--list", foxList(t))
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = w, &stderr
	c.Run()
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
		t.Errorf("the program ended with %v, want SIGPIPE without a word\n%s", c.ProcessState, stderr.String())
	}
}
