package picture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Limits bound one child process. Zero means the default.
type Limits struct {
	// MemoryBytes is the most private memory the child may have. Default 2 GiB,
	// which holds the decoded form of 50 megapixels in every allowed format.
	MemoryBytes uint64
}

const defaultMemoryBytes = 2 << 30

// Serve answers requests on in with responses on out until in ends, which is
// how the parent ends a child. It binds the whole process: call it as the only
// work of a process that [Pool] started.
func Serve(in io.Reader, out io.Writer, limits Limits) error {
	if limits.MemoryBytes == 0 {
		limits.MemoryBytes = defaultMemoryBytes
	}
	if err := prepare(limits); err != nil {
		return err
	}
	if _, err := io.WriteString(out, helloMagic); err != nil {
		return fmt.Errorf("write hello: %w", err)
	}
	var frame, original []byte
	w := bufio.NewWriter(out)
	for {
		r, err := readRequest(in, original)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		original = r.original
		res := convert(&r)
		frame = appendResponse(frame[:0], &res)
		if _, err := w.Write(frame); err != nil {
			return fmt.Errorf("write response: %w", err)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write response: %w", err)
		}
	}
}

// prepare limits the process and sets what libvips reads from the environment when it
// starts.
func prepare(limits Limits) error {
	for _, kv := range [][2]string{
		{"VIPS_BLOCK_UNTRUSTED", "1"},
		{"VIPS_CONCURRENCY", "1"},
		// Decoded pictures stay in memory, which is bounded, rather than spill
		// into temporary files, which a killed child would leave behind.
		{"VIPS_DISC_THRESHOLD", "8g"},
	} {
		if err := os.Setenv(kv[0], kv[1]); err != nil {
			return fmt.Errorf("set %s: %w", kv[0], err)
		}
	}
	return limitProcess(limits)
}
