package shard

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	aheadPicture = 12_000
	aheadRows    = 600 // three batches
)

func aheadPart(t *testing.T) (folder string, part Part) {
	folder = filepath.Join(t.TempDir(), ImagesFolder)
	w, err := CreatePart[Image](folder, "part-00000.arrow", Origin{Stage: "fetch"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range aheadRows {
		i := Image{ImageID: uint64(n), ImageURL: fmt.Sprintf("https://a.example/%d", n), Bytes: bytes.Repeat([]byte{byte(n), byte(n >> 8)}, aheadPicture/2), Format: "jpeg", Width: int32(n)}
		if err := w.Write(&i); err != nil {
			t.Fatal(err)
		}
	}
	if part, err = w.Close(); err != nil {
		t.Fatal(err)
	}
	return folder, part
}

// Rows that are read at random, asked for or not, are those that are read in order.
func TestAtRandomRowsAreTheSame(t *testing.T) {
	folder, part := aheadPart(t)
	inOrder, err := OpenPart[Image](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer inOrder.Close()
	atRandom, err := OpenPartAtRandom[Image](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer atRandom.Close()
	batch := layoutOf[Image]().batchRows
	for _, tt := range []struct {
		row  int
		asks bool
		what string
		from int // bytes that the first Ask asks for
		to   int
	}{
		{7, true, "the batch, which is to be checked", batch * aheadPicture, batch*aheadPicture + 64<<10},
		{8, true, "a picture of a batch that was checked", aheadPicture, aheadPicture},
		{aheadRows - 1, false, "not asked", 0, 0},
		{0, true, "the first picture", aheadPicture, aheadPicture},
	} {
		if tt.asks {
			if n := atRandom.Ask(tt.row); n < tt.from || n > tt.to {
				t.Errorf("row %d: %d bytes are asked for, want %d to %d: %s", tt.row, n, tt.from, tt.to, tt.what)
			}
		}
		var got, want Image
		if err := atRandom.Read(tt.row, &got); err != nil {
			t.Fatal(err)
		}
		if err := inOrder.Read(tt.row, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("row %d, %s: %+v", tt.row, tt.what, got)
		}
	}
	if first, second := atRandom.Ask(300), atRandom.Ask(301); first < batch*aheadPicture || second != 0 {
		t.Errorf("two pictures of a batch ask for %d and %d bytes, want the batch and nothing", first, second)
	}
}

// Damage is told by Read, whatever was asked for.
func TestAskedDamageIsTold(t *testing.T) {
	folder, part := aheadPart(t)
	path := filepath.Join(folder, part.Name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.Index(data, bytes.Repeat([]byte{44, 1}, 1000))+500] ^= 1 // of row 300
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := OpenPartAtRandom[Image](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var i Image
	for range 2 {
		r.Ask(300)
		if err := r.Read(300, &i); err == nil || !strings.Contains(err.Error(), part.Name) {
			t.Errorf("a picture of a damaged batch: %v", err)
		}
	}
	if err := r.Read(3, &i); err != nil {
		t.Errorf("a picture of a whole batch: %v", err)
	}
}

// What the disk is asked for is what is read: a batch once, for its sum, and from then on
// a row's picture and facts.
func TestAtRandomReadsNoMore(t *testing.T) {
	folder, part := aheadPart(t)
	r, err := OpenPartAtRandom[Image](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	batch := layoutOf[Image]().batchRows * aheadPicture / unix.Getpagesize() // pages
	// Those of a row: its picture, which begins and ends within pages, and facts.
	row := aheadPicture/unix.Getpagesize() + 2 + 64<<10/unix.Getpagesize()
	for _, tt := range []struct {
		what string
		row  int
		most int // pages
	}{
		{"a row of a batch that is to be checked", 0, batch + row},
		{"a row of it when it was checked", 100, row},
		{"a row of another batch", 300, batch + row},
	} {
		forgetPages(t, r)
		r.Ask(tt.row)
		var i Image
		if err := r.Read(tt.row, &i); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(i.Bytes, i.Bytes[:2]) != aheadPicture/2 {
			t.Errorf("%s: the picture is not its own", tt.what)
		}
		if n := residentPages(t, r); n > tt.most {
			t.Errorf("%s: %d pages are read, want %d at most", tt.what, n, tt.most)
		}
	}
}

// forgetPages takes the part out of the page cache, and skips the test where that cannot be.
func forgetPages(t *testing.T, r *PartReader[Image]) {
	t.Helper()
	r.Forget()
	f, err := os.Open(r.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	if residentPages(t, r) > 0 {
		t.Skip("this file system keeps its files in memory")
	}
}

// residentPages is how many pages of the part are in memory (mincore(2)).
func residentPages(t *testing.T, r *PartReader[Image]) (n int) {
	t.Helper()
	pages := make([]byte, (len(r.mapped)+unix.Getpagesize()-1)/unix.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&r.mapped[0])), uintptr(len(r.mapped)), uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for _, p := range pages {
		n += int(p & 1)
	}
	return n
}
