package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/layout"
)

// Exit codes; pairloom --help lists them.
const (
	exitDone          = 0
	exitError_        = 1
	exitConfiguration = 2
	exitPartial       = 3
	exitStorage       = 4
	exitLocked        = 75
	exitInterrupt     = 130
	exitPipe          = 141
	exitTerminate     = 143
)

const exitCodesHelp = `Exit codes:
    0  done, or the budget was reached
    1  any other error
    2  configuration or command line
    3  finished, but a stage kept nothing, or nothing is known of what was asked;
       or work in hand did not end in time, or lines of a request to remove were
       not understood
    4  storage: no space, no permission, a damaged file; or verify cannot say that
       all is well
   75  another process has the folder's lock
  130  interrupted (Ctrl-C), outside of training; run again to go on
  141  the reader of the output went away
  143  terminated, outside of training; run again to go on`

// exitError carries the exit code with which an error ends the program.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var coded *exitError
	var configuration *pipeline.ConfigurationError
	var locked *pipeline.LockedError
	var damaged *shard.DamagedPart
	var unusable *layout.Unusable
	var checkpointDamaged *checkpoint.Damaged
	var deviceUnusable *device.Unusable
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, pipeline.ErrTerminated):
		return exitTerminate
	case errors.Is(err, pipeline.ErrInterrupted):
		return exitInterrupt
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &configuration), errors.Is(err, shard.ErrUnfinished), errors.Is(err, backend.ErrNoCUDA), errors.As(err, &deviceUnusable):
		return exitConfiguration
	case errors.Is(err, pipeline.ErrNothingKept), errors.Is(err, evaluate.ErrTooFew):
		return exitPartial
	case errors.As(err, &locked):
		return exitLocked
	case errors.As(err, &damaged), errors.As(err, &checkpointDamaged), storageError(err):
		return exitStorage
	case errors.As(err, &unusable), errors.Is(err, checkpoint.ErrNotSafetensors):
		return exitConfiguration
	}
	return exitError_
}

// storageError tells errors of the disk from errors of the program.
func storageError(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.ENOTDIR, fs.ErrPermission} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
