// Command pairloom builds a CLIP-style image-text dataset from the web and
// pre-trains CLIP on it. Run pairloom --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/pipeline"
)

// version is what the User-Agent and --version say.
const version = "0.2.0"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	g := &global{stdout: &output{w: stdout}, stderr: stderr}
	ctx, stop := g.untilSignal(context.Background())
	defer stop()
	return g.execute(ctx, args)
}

// execute does the command until ctx ends, and returns the exit code.
func (g *global) execute(ctx context.Context, args []string) int {
	root := newRoot(g)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !g.running {
		err = &exitError{exitConfiguration, err}
		g.flagsOfFaulty(args)
	}
	err = pipeline.Stopped(ctx, err)
	g.printError(err)
	err = g.stdout.result(err)
	code := exitCode(err)
	if err != nil && code != exitPartial && code != exitPipe {
		fmt.Fprintf(g.stderr, "pairloom: %v\n", err)
	}
	return code
}

// endAtOnce tells of a second signal, in JSON where that was asked for, and returns
// the exit code. Output that nobody takes does not keep it.
func (g *global) endAtOnce(s os.Signal) int {
	err := &exitError{exitTerminate, errors.New("terminated while finishing what was in hand")}
	if s == os.Interrupt {
		err = &exitError{exitInterrupt, errors.New("interrupted twice")}
	}
	told := make(chan struct{})
	go func() {
		g.printError(err)
		g.lock.End(err.Error(), err.code)
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(time.Second):
	}
	return err.code
}

// oneSignal is how long signals count as one: timeout(1) sends its to the program and
// to the group that the program is in.
const oneSignal = 250 * time.Millisecond

// untilSignal is a context that the first SIGINT, SIGTERM or SIGHUP cancels, so that
// work in hand is finished and saved; the second ends the program at once,
// which is safe too: files appear whole or not at all.
func (g *global) untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does it
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case s := <-signals:
			cause := pipeline.ErrTerminated
			if s == os.Interrupt {
				cause = pipeline.ErrInterrupted
			}
			if g.terminal() { // whose line the bar or ^C is on
				fmt.Fprintln(g.stderr)
			}
			fmt.Fprintf(g.stderr, "pairloom: %v; finishing what is in hand (once more to stop now)\n", cause)
			cancel(cause)
		}
		began := time.Now()
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				if time.Since(began) > oneSignal {
					os.Exit(g.endAtOnce(s))
				}
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel(nil) }
}
