package batch

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestResizedCrop holds crops against torchvision's for the same random numbers: see
// testdata/made/crops.py.
func TestResizedCrop(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(read(t, "made/crops.txt"))), "\n")
	if len(lines) != 84 {
		t.Fatalf("%d lines, 84 expected", len(lines))
	}
	for _, line := range lines {
		before, want, _ := strings.Cut(line, " : ")
		var n []float64
		for _, text := range strings.Fields(before) {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			n = append(n, v)
		}
		// torchvision draws where a crop lies only for one that fits, and we by number.
		drawn, next := map[uint64]float64{}, 4
		draw := func(i uint64) float64 {
			if _, there := drawn[i]; !there {
				if next == len(n) {
					t.Fatalf("%s: more is drawn", line)
				}
				drawn[i] = n[next]
				next++
			}
			return drawn[i]
		}
		r := resizedCrop(int(n[0]), int(n[1]), n[2], n[3], draw)
		if got := fmt.Sprint(r.x, r.y, r.width, r.height); got != want || next != len(n) {
			t.Errorf("%s: got %s", line, got)
		}
	}
}

// TestShortTo are sizes as torchvision's Resize gives them.
func TestShortTo(t *testing.T) {
	for _, tt := range []struct{ width, height, n, toWidth, toHeight int }{
		{256, 341, 224, 224, 298}, {341, 256, 224, 298, 224}, {1, 1, 8, 8, 8}, {20000, 2, 224, 2240000, 224}, {3, 7, 10, 10, 23}, {500, 499, 112, 112, 112},
	} {
		if w, h := shortTo(tt.width, tt.height, tt.n); w != tt.toWidth || h != tt.toHeight {
			t.Errorf("%d by %d to %d: %d by %d, want %d by %d", tt.width, tt.height, tt.n, w, h, tt.toWidth, tt.toHeight)
		}
	}
}
