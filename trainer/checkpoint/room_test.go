package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestWithRoom writes to a disk that has no room until so many checkpoints are gone.
func TestWithRoom(t *testing.T) {
	for _, tt := range []struct {
		name    string
		steps   []int64
		damaged []int64
		full    int // how often there is no room
		cause   error
		kept    string
		want    string // in the error; "" for none
	}{
		{"there is room", []int64{1, 2}, nil, 0, syscall.ENOSPC, "1 2", ""},
		{"the oldest goes", []int64{1, 2, 3}, nil, 1, syscall.ENOSPC, "2 3", ""},
		{"and the next", []int64{1, 2, 3}, nil, 2, syscall.EDQUOT, "3", ""},
		{"the only one stays", []int64{1, 2}, nil, 9, syscall.ENOSPC, "2", "step-00000002 is the only checkpoint, and stays"},
		{"there is none", nil, nil, 9, syscall.ENOSPC, "", "there is no checkpoint yet that could make room"},
		{"a damaged one makes room for a sound one", []int64{1, 2}, []int64{2}, 9, syscall.ENOSPC, "1", "step-00000001 is the only checkpoint, and stays"},
		{"none is sound", []int64{1, 2}, []int64{1, 2}, 9, syscall.ENOSPC, "1 2", "no space left"},
		{"another fault", []int64{1, 2}, nil, 9, syscall.EIO, "1 2", "input/output error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, step := range tt.steps {
				save(t, folder, step, 9)
			}
			for _, step := range tt.damaged {
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("step-%08d", step), WeightsName), []byte("x"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			left := tt.full
			err := WithRoom(folder, func() error {
				if left == 0 {
					return nil
				}
				left--
				return fmt.Errorf("write: %w", tt.cause)
			})
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, tt.cause) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			steps, _, err := Kept(folder)
			if err != nil {
				t.Fatal(err)
			}
			var kept []string
			for _, name := range steps {
				kept = append(kept, strings.TrimLeft(strings.TrimPrefix(name, "step-"), "0"))
			}
			if !slices.Equal(kept, strings.Fields(tt.kept)) {
				t.Errorf("kept are %v, want %s", kept, tt.kept)
			}
		})
	}
}

// TestReserve takes room from the disk until it is given back.
func TestReserve(t *testing.T) {
	folder := t.TempDir()
	const size = 8 << 20
	Reserve(folder, size)
	var s syscall.Stat_t
	if err := syscall.Stat(filepath.Join(folder, reservedName), &s); err != nil {
		t.Skip("the file system reserves nothing: ", err)
	}
	if s.Blocks*512 < size {
		t.Errorf("it takes %d bytes, want %d", s.Blocks*512, size)
	}
	Release(folder)
	Reserve(folder, 1<<60)
	if _, err := os.Stat(filepath.Join(folder, reservedName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("more than there is leaves %v", err)
	}
}
