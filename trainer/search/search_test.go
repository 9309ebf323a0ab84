package search

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write makes a file of vectors, row after row.
func write(t testing.TB, path, model string, dim int, vectors []float32) {
	t.Helper()
	w, err := shard.CreateEmbeddings(path, dim, shard.EmbeddingOrigin{Model: model, Of: "pictures", Source: filepath.Base(path)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(vectors) / dim {
		row := shard.EmbeddingRow{ID: uint64(1000 + i), Row: uint32(2 * i), Name: fmt.Sprintf("p%d", i)}
		if err := w.Write(row, vectors[i*dim:(i+1)*dim]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// grid draws numbers of few values, so that scores tie often and are exact.
func grid(n int, seed uint64) []float32 {
	x := make([]float32, n)
	for i := range x {
		seed = seed*6364136223846793005 + 1442695040888963407
		x[i] = float32(int(seed>>61)) - 3
	}
	return x
}

func TestTop(t *testing.T) {
	const dim, n = 7, 60000 // several batches of the file and blocks of the scan
	dir := t.TempDir()
	a, b := grid(n*dim, 1), grid(500*dim, 2)
	a[dim*5] = float32(math.NaN())
	write(t, filepath.Join(dir, "a.arrow"), "m", dim, a)
	write(t, filepath.Join(dir, "b.arrow"), "m", dim, b)
	x, err := Open("m", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.Len() != n+500 || len(x.blocks) < 5 {
		t.Fatalf("%d rows in %d blocks", x.Len(), len(x.blocks))
	}
	query := grid(dim, 3)
	all := slices.Concat(a, b)
	var want []candidate
	for i := range n + 500 {
		var s float32
		for j, q := range query {
			s += q * all[i*dim+j]
		}
		if s == s {
			want = append(want, candidate{s, i})
		}
	}
	slices.SortStableFunc(want, func(p, q candidate) int { return int(q.score - p.score) })
	for _, k := range []int{1, 10, 1000, n + 501} {
		for _, workers := range []int{1, 2, 7} {
			hits, err := x.Top(context.Background(), query, k, workers)
			if err != nil || len(hits) != min(k, n+499) {
				t.Fatalf("%d of %d hits, %v", len(hits), k, err)
			}
			for i, h := range hits {
				file, row := x.Files[0], h.Number
				if h.Number >= n {
					file, row = x.Files[1], h.Number-n
				}
				if (candidate{h.Score, h.Number}) != want[i] || h.File != file || h.Row != uint32(2*row) || h.ID != uint64(1000+row) || h.Name != fmt.Sprintf("p%d", row) {
					t.Fatalf("k=%d, %d workers: hit %d is %+v, want %v", k, workers, i, h, want[i])
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.Top(ctx, query, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := x.Top(context.Background(), query[:3], 1, 1); err == nil || !strings.Contains(err.Error(), "query has 3 words") {
		t.Errorf("short query: %v", err)
	}
}

// TestScan holds the kernel against float64 sums for widths around those of
// registers.
func TestScan(t *testing.T) {
	for _, dim := range []int{1, 15, 16, 31, 63, 64, 65, 128, 200, 512} {
		rows, query, scores := grid(9*dim, 5), grid(dim, 6), make([]float32, 9)
		cpu.Scan(scores, rows, query)
		for i, got := range scores {
			var want float64
			for j, q := range query {
				want += float64(q) * float64(rows[i*dim+j])
			}
			if float64(got) != want { // whole numbers: exact
				t.Errorf("dim %d: row %d is %g, want %g", dim, i, got, want)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	good, other := filepath.Join(dir, "good.arrow"), filepath.Join(dir, "other.arrow")
	write(t, good, "aaaa", 2, []float32{1, 2})
	write(t, other, "bbbb", 2, []float32{1, 2})
	wide := filepath.Join(dir, "wide.arrow")
	write(t, wide, "aaaa", 3, []float32{1, 2, 3})
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short.arrow")
	if err := os.WriteFile(short, data[:len(data)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = Open("aaaa", good, other)
	if !errors.Is(err, ErrOtherModel) || !strings.Contains(err.Error(), "bbbb") || !strings.Contains(err.Error(), "aaaa") || !strings.Contains(err.Error(), "run pairloom embed") {
		t.Errorf("another model: %v", err)
	}
	if _, err = Open("aaaa", good, wide); err == nil || !strings.Contains(err.Error(), "have 3 words") {
		t.Errorf("another width: %v", err)
	}
	var damaged *shard.DamagedPart
	if _, err = Open("aaaa", short); !errors.As(err, &damaged) {
		t.Errorf("cut short: %v", err)
	}
	if _, err = Open("aaaa", filepath.Join(dir, "none.arrow")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err = Open("aaaa", empty); err == nil || !strings.Contains(err.Error(), "pairloom embed") {
		t.Errorf("empty folder: %v", err)
	}
}

// TestScanAllocates holds what a search takes: nothing that grows with the rows.
func TestScanAllocates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.arrow")
	write(t, path, "m", 4, grid(4*100000, 1))
	x, err := Open("m", path)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	h, scores, query := heap{k: 10}, make([]float32, blockBytes/16), grid(4, 9)
	h.list = make([]candidate, 0, 10)
	if n := testing.AllocsPerRun(5, func() {
		for _, b := range x.blocks {
			x.scan(&h, b, scores, query)
		}
	}); n != 0 {
		t.Errorf("a scan allocates %g times", n)
	}
}

func TestHeap(t *testing.T) {
	h := heap{k: 3}
	for i, s := range []float32{2, 5, 5, 1, 9, 5} {
		h.add(candidate{s, i})
	}
	slices.SortFunc(h.list, func(a, b candidate) int { return int(b.score - a.score) })
	if want := []candidate{{9, 4}, {5, 1}, {5, 2}}; !reflect.DeepEqual(h.list[:1], want[:1]) || !slices.Contains(h.list, want[1]) || !slices.Contains(h.list, want[2]) {
		t.Errorf("got %v", h.list)
	}
}

// BenchmarkTop searches vectors that do not fit the caches. bench/search/run.sh
// measures it beside the memory's bandwidth.
//
//	go test ./trainer/search -run '^$' -bench Top
func BenchmarkTop(b *testing.B) {
	const dim, rows = 512, 1 << 16
	path := filepath.Join(b.TempDir(), "a.arrow")
	write(b, path, "m", dim, grid(dim*rows, 1))
	x, err := Open("m", path)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	query := grid(dim, 2)
	b.SetBytes(4 * dim * rows)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Top(context.Background(), query, 10, 0); err != nil {
			b.Fatal(err)
		}
	}
}
