package extsort

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

func TestNumbersComeByKeyThenValue(t *testing.T) {
	const seed = 5
	for _, tt := range []struct {
		name          string
		records       int
		keys, values  uint64 // how many different ones
		ascending     bool   // values are added in order
		memory        int
		wantRunsAtEnd bool
	}{
		{"nothing", 0, 1, 1, false, 1 << 20, false},
		{"one", 1, 1, 1, false, 1 << 20, false},
		{"all keys equal", 1000, 1, 1 << 40, false, 1 << 20, false},
		{"all records equal", 1000, 1, 1, false, 1 << 20, false},
		{"values in order", 5000, 70, 1 << 50, true, 1 << 20, false},
		{"any order", 5000, 1 << 63, 1 << 63, false, 1 << 20, false},
		{"a few runs", 20000, 300, 1 << 33, false, 64 << 10, true},
		{"a few runs, values in order", 20000, 300, 1 << 33, true, 64 << 10, true},
		{"more runs than one merge reads", 200_000, 1 << 20, 1 << 20, false, 64 << 10, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			want := make([]Number, tt.records)
			for i := range want {
				want[i] = Number{r.Uint64N(tt.keys), r.Uint64N(tt.values)}
			}
			if tt.ascending {
				slices.SortFunc(want, func(a, b Number) int { return cmp.Compare(a.Value, b.Value) })
			}
			dir := t.TempDir()
			s := NewNumbers(dir, tt.memory)
			defer s.Close()
			for _, n := range want {
				if err := s.Add(n.Key, n.Value); err != nil {
					t.Fatal(err)
				}
			}
			if s.Len() != int64(tt.records) || (len(s.runs) > 0) != tt.wantRunsAtEnd {
				t.Fatalf("%d records, %d runs on disk", s.Len(), len(s.runs))
			}
			slices.SortFunc(want, compareNumbers)
			var got []Number
			for n, err := range s.Sorted() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, n)
			}
			if !slices.Equal(got, want) {
				t.Errorf("seed %d: the order differs from a sort in memory", seed)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("temporary files left: %v", left)
			}
		})
	}
}

func TestNumbersStopEarlyAndFailAloud(t *testing.T) {
	s := NewNumbers(t.TempDir(), 1)
	for i := range uint64(10_000) {
		if err := s.Add(i%7, i); err != nil {
			t.Fatal(err)
		}
	}
	for range s.Sorted() {
		break
	}
	if s.runs != nil || s.region != nil {
		t.Error("a walk that was broken off leaves runs or memory")
	}
	var err error
	s = NewNumbers("/nonexistent/folder", 1)
	defer s.Close()
	for i := uint64(0); i < 10_000 && err == nil; i++ {
		err = s.Add(i, i)
	}
	if err == nil {
		t.Error("no error from spilling to a folder that is not there")
	}
}

func BenchmarkNumbers(b *testing.B) {
	for _, memory := range []int{64 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("records=1000000/memory=%dMiB", memory>>20), func(b *testing.B) {
			dir := b.TempDir()
			r := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				s := NewNumbers(dir, memory)
				for i := range uint64(1_000_000) {
					if err := s.Add(r.Uint64(), i); err != nil {
						b.Fatal(err)
					}
				}
				for _, err := range s.Sorted() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
