package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPairSets takes the 120 training pairs of writeShards, or its 21 held-out
// ones, for pictures of classes.
func TestPairSets(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir)
	for _, tt := range []struct {
		spec, labels string
		want         string // pictures of each class by label, and those left out; or a part of the error after !
	}{
		{"shards:.", "black top\nRED LEFT\nwhite\n", "black top 1, RED LEFT 2, white 0; left map[no_label:18]"},
		{"training:.", "black top\nred left\nwhite\n", "black top 6, red left 6, white 0; left map[no_label:108]"},
		{"training:.", "red left\ta red stripe\nblue left\ta blue one", "a red stripe 6, a blue one 6; left map[no_label:108]"},
		{"shards:.", "", "!pairs have no classes of their own"},
		{"shards:.", "white", "!none of its 21 pairs has a label as its whole text"},
		{"shards:.", "red left\nRed Left", `!line 2 repeats "red left" of line 1`},
		{"shards:gone", "red left", "!run pairloom shard first"},
	} {
		o := Options{Threads: 1}
		if tt.labels != "" {
			o.Labels = "labels"
			writeFile(t, filepath.Join(dir, "labels"), tt.labels)
		}
		s, err := OpenSet(dir, tt.spec, o)
		if want, bad := strings.CutPrefix(tt.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %q: got %v, want %q in it", tt.spec, tt.labels, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %q: %v", tt.spec, tt.labels, err)
			continue
		}
		counts := make([]int, len(s.Labels))
		for _, c := range s.Class {
			counts[c]++
		}
		var parts []string
		for i, label := range s.Labels {
			parts = append(parts, fmt.Sprintf("%s %d", label, counts[i]))
		}
		if got := fmt.Sprintf("%s; left %v", strings.Join(parts, ", "), s.Left); got != tt.want || s.Pictures.Len() != len(s.Class) {
			t.Errorf("%s of %q: got %s, want %s", tt.spec, tt.labels, got, tt.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPairSetPictures holds that each class has the pictures of its text, and
// that the tally has them all.
func TestPairSetPictures(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir)
	saveModel(t, filepath.Join(dir, "checkpoints"), 1)
	o := options()
	o.Labels = writeFile(t, filepath.Join(dir, "labels"), "blue left\nred left\n")
	o.Sets = []string{"shards:.", "training:."}
	s, err := OpenSet(dir, "shards:.", o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, class := range s.Class {
		rgb, err := colour(t, s.Pictures, i)
		var bad *BadPicture
		switch {
		case errors.As(err, &bad): // the broken one of the held-out pairs
		case err != nil:
			t.Error(err)
		case (rgb[2] > rgb[0]) != (class == 0):
			t.Errorf("picture %d of %q has the colour %.0f", i, s.Labels[class], rgb)
		}
	}
	r, err := Run(context.Background(), dir, o, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]int64{{NoLabel: 18, Undecodable: 1}, {NoLabel: 108}} {
		tally := r.Sets[i].Tally
		if err := tally.Check(); err != nil || fmt.Sprint(tally.Dropped) != fmt.Sprint(want) || tally.Kept != int64(r.Sets[i].Pictures) {
			t.Errorf("%s: %+v, %v", r.Sets[i].Set, tally, err)
		}
	}
	if err := os.Remove(o.Labels); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), dir, o, nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file of labels: %v", err)
	}
}
