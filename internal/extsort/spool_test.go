package extsort

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func walked(t *testing.T, s *Spool) []string {
	t.Helper()
	var out []string
	for rec, err := range s.Walk() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(rec.Key)+"="+string(rec.Value))
	}
	return out
}

func TestSpoolGivesBackWhatWasAdded(t *testing.T) {
	for _, records := range []int{0, 1, 100, 5000} {
		dir := t.TempDir()
		s := NewSpool(dir, 4096)
		for round := range 2 { // the second after Reset
			var want []string
			for i := range records {
				key, value := fmt.Sprintf("%d/%d", round, i), strings.Repeat("v", i%300)
				if err := s.Add([]byte(key), []byte(value)); err != nil {
					t.Fatal(err)
				}
				want = append(want, key+"="+value)
			}
			for range s.Walk() {
				break // a walk that is broken off leaves the records
			}
			if got := walked(t, s); !slices.Equal(got, want) || s.Len() != int64(records) || !slices.Equal(walked(t, s), want) {
				t.Errorf("%d records, round %d: others come back", records, round)
			}
			if err := s.Reset(); err != nil || len(walked(t, s)) != 0 || s.Len() != 0 {
				t.Errorf("%d records: not empty after Reset: %v", records, err)
			}
		}
		s.Close()
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("temporary files left: %v", left)
		}
	}
}
