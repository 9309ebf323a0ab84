package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Stream marks are found wherever they lie across the pieces that are read.
func TestFindStreams(t *testing.T) {
	mark := append([]byte("BZh9"), blockMark...)
	for shift := -12; shift <= 12; shift++ {
		want := []int64{0, int64(chunkBytes + shift), int64(2*chunkBytes + 40 + shift)}
		data := make([]byte, 3*chunkBytes)
		for _, at := range want {
			copy(data[at:], mark)
		}
		copy(data[500:], "BZhX")       // no block size
		copy(data[504:], blockMark)    // and so no stream
		copy(data[700:], blockMark)    // a block
		copy(data[len(data)-4:], mark) // cut
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var got []int64
		last := int64(0)
		err = findStreams(f, func(start, end int64) error {
			if start != last {
				t.Errorf("a stream begins at %d, the one before ends at %d", start, last)
			}
			got, last = append(got, start), end
			return nil
		})
		if err != nil || !slices.Equal(got, want) || last != int64(len(data)) {
			t.Errorf("streams at %v to %d (%v), want %v", got, last, err, want)
		}
	}
}

func TestReadDumpIsInOrder(t *testing.T) {
	want, err := os.ReadFile("testdata/small.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3, 16} {
		f, err := os.Open("testdata/multi.xml.bz2")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var got []byte
		err = readDump(context.Background(), f, workers, func(data []byte, _ int64) error {
			got = append(got, data...)
			return nil
		})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d workers read %d bytes (%v), want %d", workers, len(got), err, len(want))
		}
	}
}

// A reader that fails or a user who stops leaves no goroutine behind; TestMain
// looks for them.
func TestReadDumpStops(t *testing.T) {
	stop := errors.New("stop")
	f, err := os.Open("testdata/multi.xml.bz2")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := readDump(context.Background(), f, 2, func([]byte, int64) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := options(t, 2, "testdata/multi.xml.bz2")
	if _, err := Build(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestCountsReadBack(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, list ...string) string {
		path := filepath.Join(dir, name)
		err := writeCounts(path, func(yield func(count, error) bool) {
			for i, key := range list {
				if !yield(count{[]byte(key), int64(i + 1)}, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	paths := []string{write("a", "b", "d"), write("b", "a", "b", "e"), write("c")}
	var got []string
	for c, err := range merged(paths) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(string(c.key), c.n))
	}
	if want := []string{"a1", "b3", "d2", "e3"}; !slices.Equal(got, want) {
		t.Errorf("merged gives %v, want %v", got, want)
	}
	data, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	for size := range len(data) - 4 { // cut before its checksum, a file is an error and never a shorter one
		if err := os.WriteFile(paths[1], data[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range readCounts(paths[1]) {
			last = err
		}
		if last == nil {
			t.Errorf("the first %d of %d bytes read without an error", size, len(data))
		}
	}
}
