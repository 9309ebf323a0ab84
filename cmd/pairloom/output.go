package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// output is stdout, which remembers that it could not be written. Commands print
// without looking at each error; run looks once, at the end.
type output struct {
	w   io.Writer
	err error // the first
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
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
