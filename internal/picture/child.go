package picture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// errTimeout marks a child that was killed for taking too long.
var errTimeout = errors.New("picture decoder took too long")

// child is one running decoder process.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *firstLine
	frame  []byte
	served int // requests answered
}

// process sends one picture and waits for the answer. After an error the child
// is of no more use and must be killed.
func (c *child) process(ctx context.Context, original []byte, o *PoolOptions) (Result, error) {
	// A pipe's reads and writes end when the process does, so killing it is the
	// one way to end both for the time limit and for the context.
	var late atomic.Bool
	limit := time.AfterFunc(o.Timeout, func() {
		late.Store(true)
		c.cmd.Process.Kill()
	})
	defer limit.Stop()
	stop := context.AfterFunc(ctx, func() { c.cmd.Process.Kill() })
	defer stop()

	r := request{
		mode: o.Mode, always: o.Always, format: o.Format, quality: uint8(o.Quality), size: uint32(o.Size),
		maxPixels: uint64(o.MaxPixels), original: original,
	}
	c.frame = appendRequest(c.frame[:0], &r)
	_, err := c.in.Write(c.frame)
	if err == nil {
		_, err = c.in.Write(original)
	}
	var res Result
	if err == nil {
		res, err = readResponse(c.out)
	}
	if err != nil && late.Load() {
		return Result{}, errTimeout
	}
	c.served++
	return res, err
}

// stop ends an idle child by closing its input, then waits for it. One that
// does not leave is killed.
func (c *child) stop() {
	c.in.Close()
	t := time.AfterFunc(5*time.Second, func() { c.cmd.Process.Kill() })
	defer t.Stop()
	c.cmd.Wait()
}

// kill ends the child at once and waits for it.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.in.Close()
	c.cmd.Wait()
}

// obituary says how a dead child ended: its exit status or signal and the last
// that it wrote to stderr.
func (c *child) obituary(err error) string {
	s := c.cmd.ProcessState.String()
	if said := c.stderr.String(); said != "" {
		s += ": " + said
	} else if errors.Is(err, errProtocol) {
		s += ": " + err.Error()
	}
	return s
}

// starter starts children, all from one locked thread: Linux delivers the
// parent-death signal when the thread that started a child ends, and Go ends
// threads as it likes. A child sees the end of its parent twice over: by that
// signal, and by the end of its input.
type starter struct {
	command  []string
	env      []string
	requests chan chan<- started
	done     sync.WaitGroup
}

const (
	// startLimit is how long a child may take to be ready.
	startLimit = 30 * time.Second
	// startAttempts lets a child be killed from outside while it starts.
	startAttempts = 3
)

type started struct {
	child *child
	err   error
}

func newStarter(command, env []string) *starter {
	s := &starter{command: command, env: env, requests: make(chan chan<- started)}
	s.done.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for reply := range s.requests {
			var r started
			for range startAttempts {
				if r.child, r.err = s.startHere(); r.err == nil {
					break
				}
			}
			reply <- r
		}
	})
	return s
}

func (s *starter) start() (*child, error) {
	reply := make(chan started, 1)
	s.requests <- reply
	r := <-reply
	return r.child, r.err
}

func (s *starter) close() {
	close(s.requests)
	s.done.Wait()
}

func (s *starter) startHere() (*child, error) {
	cmd := exec.Command(s.command[0], s.command[1:]...)
	// Two arenas keep the C library from reserving 64 MiB of address space for
	// each thread, which would eat up the child's memory limit.
	cmd.Env = append(append(os.Environ(), "MALLOC_ARENA_MAX=2"), s.env...)
	cmd.SysProcAttr = childAttributes()
	said := &firstLine{}
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start picture decoder %s: %w", s.command[0], err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start picture decoder %s: %w", s.command[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start picture decoder %s: %w", s.command[0], err)
	}
	c := &child{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 64<<10), stderr: said}
	if err := c.greet(); err != nil {
		c.kill()
		return nil, fmt.Errorf("start picture decoder %s: %s", strings.Join(s.command, " "), c.obituary(err))
	}
	return c, nil
}

// greet waits for a new child to say that it is ready.
func (c *child) greet() error {
	t := time.AfterFunc(startLimit, func() { c.cmd.Process.Kill() })
	defer t.Stop()
	var hello [len(helloMagic)]byte
	if _, err := io.ReadFull(c.out, hello[:]); err != nil {
		return err
	}
	if string(hello[:]) != helloMagic {
		return errProtocol
	}
	return nil
}

// firstLine keeps the first line that a child wrote to stderr: a crash names itself
// there, and what follows is stacks. exec writes it from one goroutine and is
// done when Wait returns, after which it is read.
type firstLine struct{ line []byte }

const firstLineBytes = 300

func (l *firstLine) Write(b []byte) (int, error) {
	if room := firstLineBytes - len(l.line); room > 0 {
		l.line = append(l.line, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

func (l *firstLine) String() string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(l.line)), "\n")
	return strings.ToValidUTF8(s, "?")
}
