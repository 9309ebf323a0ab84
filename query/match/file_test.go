package match

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompiledIsInMemory(t *testing.T) {
	list := append(some(t), "pneumonoultramicroscopicsilicovolcanoconiosis in the snow", strings.Repeat("long ", 70_000), strings.Repeat("x", 1_000_000))
	for _, mode := range []Mode{Clean, MetaCLIP} {
		t.Run(mode.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list.match")
			if err := Compile(path, list, "abc", mode); err != nil {
				t.Fatal(err)
			}
			opened, err := Open(path, "abc", mode)
			if err != nil {
				t.Fatal(err)
			}
			inMemory := NewMode(list, mode)
			if opened.Shadowed() != inMemory.Shadowed() || opened.Empty() != inMemory.Empty() || opened.Queries() != len(list) || opened.Mode() != mode {
				t.Errorf("opened: %d shadowed, %d empty of %d in mode %s; in memory: %d, %d", opened.Shadowed(), opened.Empty(), opened.Queries(), opened.Mode(), inMemory.Shadowed(), inMemory.Empty())
			}
			var s Scratch
			for _, text := range append(glosses(t), strings.Repeat("x", 1_000_000), list[len(list)-3]) {
				got, want := opened.Find(nil, text, &s), inMemory.Find(nil, text, &s)
				if !slices.Equal(got, want) {
					t.Fatalf("opened: Find(%.200q) = %v, in memory %v", text, got, want)
				}
			}
			if got := opened.Find(nil, "a "+strings.Repeat("x", 1_000_000), &s); !slices.Contains(got, uint32(len(list)-1)) {
				t.Errorf("the entry of a million characters is not found")
			}
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
			if err := opened.Close(); err != nil {
				t.Errorf("a second Close: %v", err)
			}
			again := build(list, mode, "abc")
			if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, again) {
				t.Errorf("compiling twice gives different bytes (%v)", err)
			}
		})
	}
}

func TestOpenOfNoEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.match")
	if err := Compile(path, nil, "", Clean); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, "", Clean)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := m.Find(nil, "a red fox internationalisation", &Scratch{}); len(got) != 0 {
		t.Errorf("Find in no entries = %v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	list := []string{"fox", "red fox", "pneumonoultramicroscopicsilicovolcanoconiosis", "internationally", "fox in the snow"}
	whole := build(list, Clean, "abc")
	// sealed changes the file and makes the checksum right again.
	sealed := func(change func(b []byte)) []byte {
		b := bytes.Clone(whole)
		change(b)
		binary.LittleEndian.PutUint64(b[checksumAt:], checksum(b))
		return b
	}
	for _, tt := range []struct {
		name, hash string
		mode       Mode
		data       []byte
		want       string
		is         error
	}{
		{"another list", "def", Clean, whole, `list with the hash "abc", not "def"`, ErrOther},
		{"another mode", "abc", MetaCLIP, whole, "compiled in mode clean, not metaclip", ErrOther},
		{"another version", "abc", Clean, sealed(func(b []byte) { b[8] = 9 }), "version 9, this program reads version 1", ErrOther},
		{"other Unicode tables", "abc", Clean, sealed(func(b []byte) { b[unicodeAt] = '9' }), "compiled with Unicode 9", ErrOther},
		{"another kind of file", "abc", Clean, bytes.Repeat([]byte("x"), 500), "no compiled query list", ErrDamaged},
		{"empty", "abc", Clean, nil, "0 bytes, too few", ErrDamaged},
		{"cut in the header", "abc", Clean, whole[:100], "100 bytes, too few", ErrDamaged},
		{"cut in a table", "abc", Clean, whole[:len(whole)-1], "its header calls for", ErrDamaged},
		{"longer", "abc", Clean, append(bytes.Clone(whole), 0), "its header calls for", ErrDamaged},
		{"a length beyond all files", "abc", Clean, sealed(func(b []byte) { b[80+7] = 0xff }), "its header calls for", ErrDamaged},
		{"a full table", "abc", Clean, sealed(fill), "is full", ErrDamaged},
		{"a query beyond the list", "abc", Clean, sealed(func(b []byte) { b[countsAt] = 0 }), "names query", ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list.match")
			if err := os.WriteFile(path, tt.data, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path, tt.hash, tt.mode)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, want %q, the path and %q", err, tt.want, tt.is)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), "abc", Clean); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of no file = %v, want that it does not exist", err)
	}
	if err := Compile(filepath.Join(t.TempDir(), "x"), list, strings.Repeat("h", 33), Clean); err == nil {
		t.Error("Compile takes a hash that has no room in the header")
	}
}

// fill marks every free slot of the words taken.
func fill(b []byte) {
	m := &Matcher{}
	m.read(b)
	m.slice(b)
	for i := range m.words {
		m.words[i].id |= 1
	}
}

// TestEveryByteIsHeld flips each byte of a file in turn.
func TestEveryByteIsHeld(t *testing.T) {
	whole := build([]string{"fox", "red fox", "pneumonoultramicroscopicsilicovolcanoconiosis"}, Clean, "abc")
	for i := range whole {
		b := build([]string{"fox", "red fox", "pneumonoultramicroscopicsilicovolcanoconiosis"}, Clean, "abc")
		b[i] ^= 0x40
		if _, err := attach(b); err == nil {
			t.Fatalf("a file whose byte %d of %d was changed is taken for whole", i, len(whole))
		}
	}
}

func FuzzAttach(f *testing.F) {
	f.Add(build([]string{"fox", "red fox", "pneumonoultramicroscopicsilicovolcanoconiosis"}, Clean, "abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= headerSize { // else the checksum stops all changes
			binary.LittleEndian.PutUint64(data[checksumAt:], checksum(data))
		}
		b := append(make([]byte, 0, len(data)+8), data...)
		if m, err := attach(b); err == nil {
			m.Find(nil, "a red fox with pneumonoultramicroscopicsilicovolcanoconiosis", &Scratch{})
			m.FindAll("a red fox")
		}
	})
}
