package extsort

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

func sorted(t *testing.T, s *Sorter) []string {
	t.Helper()
	var out []string
	for rec, err := range s.Sorted() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(rec.Key)+"="+string(rec.Value))
	}
	return out
}

func TestOrderDependsOnlyOnWhatWasAdded(t *testing.T) {
	const seed = 7
	for _, tt := range []struct {
		name    string
		records int
		memory  int
	}{
		{"nothing", 0, 1 << 20},
		{"one", 1, 1 << 20},
		{"in memory", 2000, 1 << 20},
		{"a few runs", 2000, 16 << 10},
		{"more runs than one merge reads", 20000, 4096},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			var want []Record
			for i := range tt.records {
				key := make([]byte, r.IntN(12))
				for k := range key {
					key[k] = byte(r.IntN(4)) // short alphabet: equal keys and prefixes
				}
				want = append(want, Record{key, fmt.Appendf(nil, "%d", i%50)})
			}
			dir := t.TempDir()
			var results [][]string
			for range 2 {
				s := New(dir, tt.memory)
				r.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
				for _, rec := range want {
					if err := s.Add(rec.Key, rec.Value); err != nil {
						t.Fatal(err)
					}
				}
				if s.Len() != int64(tt.records) {
					t.Fatalf("Len = %d, want %d", s.Len(), tt.records)
				}
				results = append(results, sorted(t, s))
			}
			slices.SortFunc(want, func(a, b Record) int {
				if c := bytes.Compare(a.Key, b.Key); c != 0 {
					return c
				}
				return bytes.Compare(a.Value, b.Value)
			})
			var wantText []string
			for _, rec := range want {
				wantText = append(wantText, string(rec.Key)+"="+string(rec.Value))
			}
			for i, got := range results {
				if !slices.Equal(got, wantText) {
					t.Errorf("pass %d (seed %d): order differs from a sort in memory", i, seed)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("temporary files left: %v", left)
			}
		})
	}
}

func TestWalkMayBeRepeated(t *testing.T) {
	for _, memory := range []int{4096, 1 << 20} {
		s := New(t.TempDir(), memory)
		for i := range 5000 {
			if err := s.Add(fmt.Appendf(nil, "%04d", i*7919%5000), nil); err != nil {
				t.Fatal(err)
			}
		}
		for range s.Walk() {
			break // a walk that is broken off leaves the records
		}
		var walked []string
		for rec, err := range s.Walk() {
			if err != nil {
				t.Fatal(err)
			}
			walked = append(walked, string(rec.Key)+"="+string(rec.Value))
		}
		if got := sorted(t, s); len(walked) != 5000 || !slices.Equal(got, walked) || !slices.IsSorted(got) {
			t.Errorf("memory %d: the second walk gives other records", memory)
		}
	}
}

func TestStoppingEarlyFreesTheRuns(t *testing.T) {
	s := New(t.TempDir(), 4096)
	for i := range 5000 {
		if err := s.Add(binary.BigEndian.AppendUint64(nil, uint64(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	for range s.Sorted() {
		break
	}
	if s.runs != nil {
		t.Error("runs stay open after the walk was broken off")
	}
}

func TestSpillingToAFolderThatIsNotThere(t *testing.T) {
	s := New("/nonexistent/folder", 4096)
	var err error
	for i := 0; i < 5000 && err == nil; i++ {
		err = s.Add(binary.BigEndian.AppendUint64(nil, uint64(i)), nil)
	}
	if err == nil {
		t.Error("no error from spilling to a folder that is not there")
	}
}

func BenchmarkSort(b *testing.B) {
	for _, memory := range []int{64 << 20, 1 << 20} {
		b.Run(fmt.Sprintf("records=200000/memory=%dMiB", memory>>20), func(b *testing.B) {
			dir := b.TempDir()
			r := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				s := New(dir, memory)
				var key [16]byte
				for range 200000 {
					binary.BigEndian.PutUint64(key[:], r.Uint64())
					if err := s.Add(key[:], key[:8]); err != nil {
						b.Fatal(err)
					}
				}
				for _, err := range s.Sorted() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(200000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
