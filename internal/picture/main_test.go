package picture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// asChild makes the test binary a decoder process.
const asChild = "PAIRLOOM_TEST_PICTURE_CHILD"

// childMemory is its memory limit in bytes; unset for the default.
const childMemory = "PAIRLOOM_TEST_PICTURE_CHILD_MEMORY"

// Bytes that make a test child kill itself with -9, or hang, when they pass.
const (
	killMark = "mark: kill the decoder"
	hangMark = "mark: hang the decoder"
)

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		memory, _ := strconv.ParseUint(os.Getenv(childMemory), 10, 64)
		if err := Serve(&markReader{in: os.Stdin}, os.Stdout, Limits{MemoryBytes: memory}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(asParent) != "" {
		if err := runAsParent(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// markReader stands between the pipe and Serve and misbehaves on the marks.
type markReader struct{ in io.Reader }

func (r *markReader) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	if bytes.Contains(b[:n], []byte(killMark)) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if bytes.Contains(b[:n], []byte(hangMark)) {
		select {}
	}
	return n, err
}

// asParent makes the test binary a program with a pool of one child, whose pid
// it prints before it hands it a picture that never ends.
const asParent = "PAIRLOOM_TEST_PICTURE_PARENT"

func runAsParent() error {
	p, err := NewPool([]string{os.Args[0]}, 1, PoolOptions{Env: []string{asChild + "=1"}, Timeout: ample})
	if err != nil {
		return err
	}
	if _, err := p.Process(context.Background(), []byte("no picture")); err != nil {
		return err
	}
	c := <-p.free
	fmt.Println(c.cmd.Process.Pid)
	p.free <- c
	_, err = p.Process(context.Background(), []byte(hangMark))
	return err
}
