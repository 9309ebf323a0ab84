package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// output is stdout, which remembers that it could not be written. Commands print
// without looking at each error; run looks once, at the end.
type output struct {
	w io.Writer

	mu      sync.Mutex
	err     error // the first
	written bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	o.written = o.written || len(p) > 0
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("write the output: %w", err)
	}
	return n, o.err
}

// result is the error with which a command ends that had the error err: what
// became of its output counts unless something else went wrong.
func (o *output) result(err error) error {
	if o.err == nil || err != nil && !errors.Is(err, o.err) {
		return err
	}
	if errors.Is(o.err, syscall.EPIPE) {
		return &exitError{exitPipe, o.err}
	}
	return &exitError{exitStorage, o.err}
}

// printJSON prints the one object of a command, on one line when quiet.
func (g *global) printJSON(v any) error {
	data, err := json.Marshal(v)
	if err == nil && !g.quiet {
		data, err = json.MarshalIndent(v, "", "  ")
	}
	if err == nil {
		_, err = fmt.Fprintf(g.stdout, "%s\n", data)
	}
	return err
}

// failure is the object of a command that has no other to print.
type failure struct {
	Error string `json:"error"`
	Exit  int    `json:"exit"`
}

// printError prints the object of an error where JSON was asked for and the
// command has printed none.
func (g *global) printError(err error) {
	g.stdout.mu.Lock()
	written := g.stdout.written
	g.stdout.mu.Unlock()
	if err != nil && g.json && !written {
		_ = g.printJSON(failure{err.Error(), exitCode(err)}) // the output remembers
	}
}
