package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sys/unix"
)

// diskRead is how many bytes this process had the disk read (proc(5), io).
func diskRead() (n int64, err error) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "read_bytes: %d", &n); err == nil {
			return n, nil
		}
	}
	return 0, errors.New("/proc/self/io does not tell what is read")
}

// forget takes all files of dir out of the page cache.
func forget(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil { // pages that wait to be written stay
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// disk reads the images folder: in order, and a picture's size at random places, by
// several at once. Reads take a quarter of the folder, at least 1,000 pictures. And it
// writes a file of 1 GB.
func disk(dir string) error {
	folder := filepath.Join(dir, shard.ImagesFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil {
		return err
	}
	var files []*os.File
	for _, p := range m.Parts {
		f, err := os.Open(filepath.Join(folder, p.Name))
		if err != nil {
			return err
		}
		defer f.Close()
		files = append(files, f)
	}
	if err := forget(folder); err != nil {
		return err
	}
	began, bytes := time.Now(), int64(0)
	buffer := make([]byte, 1<<20)
	for _, f := range files[:(len(files)+3)/4] {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buffer)
		if err != nil {
			return err
		}
		bytes += n
	}
	fmt.Printf("in order\t%.0f MB/s\n", float64(bytes)/1e6/time.Since(began).Seconds())
	for _, f := range files {
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
			return err
		}
	}
	pictures := max(1000, m.Rows()/4)
	for _, workers := range []int{1, 4, 16, 64} {
		if err := forget(folder); err != nil {
			return err
		}
		began := time.Now()
		var next atomic.Int64
		var all sync.WaitGroup
		var failed atomic.Pointer[error]
		for range workers {
			all.Go(func() {
				into := make([]byte, pictureBytes)
				for next.Add(1) <= pictures {
					i := rand.IntN(len(files))
					if _, err := files[i].ReadAt(into, rand.Int64N(m.Parts[i].Bytes-int64(pictureBytes))); err != nil {
						failed.Store(&err)
						return
					}
				}
			})
		}
		all.Wait()
		if err := failed.Load(); err != nil {
			return *err
		}
		fmt.Printf("at random, %d at once\t%.0f MB/s\n", workers, float64(pictures*int64(pictureBytes))/1e6/time.Since(began).Seconds())
	}
	return writeFile(filepath.Join(dir, "written"))
}

// writeFile writes a GB until it is durable, and removes it.
func writeFile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer f.Close()
	const size = 1_000_000_000
	began := time.Now()
	for n := 0; n < size && err == nil; n += 1_000_000 {
		_, err = f.Write(noise[:1_000_000])
	}
	if err == nil {
		err = f.Sync()
	}
	fmt.Printf("written\t%.0f MB/s\n", size/1e6/time.Since(began).Seconds())
	return err
}
