package shard

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

func writeManifest(t *testing.T) (folder string, m *Manifest) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "matched")
	part := writePart[Matched](t, folder, "part-00000.arrow", 12)
	tally := NewTally("match", "candidates", "pairs")
	for range 12 {
		tally.Keep()
	}
	tally.Drop("no_query")
	m = &Manifest{Stage: "match", Settings: "s", Input: "i", Tally: tally, Parts: []Part{part}}
	if err := WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
	return folder, m
}

func TestManifestRoundTrip(t *testing.T) {
	folder, m := writeManifest(t)
	got, err := ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != m.Hash() || got.Rows() != 12 || got.Tally.Dropped["no_query"] != 1 {
		t.Errorf("read back %+v", got)
	}
}

func TestManifestNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		harm func(folder string) error
		want string
	}{
		{"part missing", func(f string) error { return os.Remove(filepath.Join(f, "part-00000.arrow")) }, "it is missing; run pairloom match"},
		{"part cut short", func(f string) error { return os.Truncate(filepath.Join(f, "part-00000.arrow"), 100) }, "it has 100 bytes, but the manifest says"},
		{"not JSON", func(f string) error { return os.WriteFile(filepath.Join(f, ManifestName), []byte("{"), 0o644) }, "delete it and run pairloom match again"},
		{"later format", func(f string) error {
			return os.WriteFile(filepath.Join(f, ManifestName), []byte(`{"format": 99}`), 0o644)
		}, "format 99"},
		{"later format with keys of its own", func(f string) error {
			return os.WriteFile(filepath.Join(f, ManifestName), []byte(`{"generation": 7, "format": 4, "parts": {"a": 1}}`), 0o644)
		}, "format 4, but this pairloom reads formats 1 to 3; update pairloom"},
		{"no format", func(f string) error {
			return os.WriteFile(filepath.Join(f, ManifestName), []byte(`{"tally": {}}`), 0o644)
		}, "format 0"},
		{"a key that this format does not have", func(f string) error {
			return os.WriteFile(filepath.Join(f, ManifestName), []byte(`{"format": 2, "tallly": {}}`), 0o644)
		}, "tallly"},
		{"part outside the folder", func(f string) error {
			return os.WriteFile(filepath.Join(f, ManifestName), []byte(`{"format": 1, "tally": {}, "parts": [{"name": "../x"}]}`), 0o644)
		}, "leads out of the folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder, _ := writeManifest(t)
			if err := tt.harm(folder); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadManifest(folder); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want it to say %q", err, tt.want)
			}
		})
	}
	if _, err := ReadManifest(t.TempDir()); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a folder without a manifest: %v, want ErrUnfinished", err)
	}
}

// TestManifestOfFormat1IsRead has a manifest as pairloom 0.1 wrote it, without
// the sums of batches and without options; its hash is that of its bytes, by
// which what was made from it is recognized.
func TestManifestOfFormat1IsRead(t *testing.T) {
	folder, m := writeManifest(t)
	m.Format, m.Parts[0].Batches = 1, nil
	text := m.encode()
	if bytes.Contains(text, []byte("batches")) || bytes.Contains(text, []byte("options")) {
		t.Fatalf("no manifest of format 1:\n%s", text)
	}
	if err := os.WriteFile(filepath.Join(folder, ManifestName), text, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	if want := sum(text); got.Hash() != want {
		t.Errorf("the hash is %s, want that of the bytes, %s", got.Hash(), want)
	}
	n := 0
	for row, err := range Rows[Matched](folder, got.Parts) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fill[Matched](n); row.Text != want.Text || row.PairID != want.PairID {
			t.Errorf("row %d is %+v", n, row)
		}
		n++
	}
	if n != 12 {
		t.Errorf("%d rows, want 12", n)
	}
	if err := got.Parts[0].Verify(folder); err != nil {
		t.Error(err)
	}
}

func TestTallyMustBalance(t *testing.T) {
	tally := NewTally("match", "candidates", "pairs")
	tally.In = 3
	tally.Kept = 1
	tally.Dropped["no_query"] = 1
	if err := WriteManifest(t.TempDir(), &Manifest{Tally: tally}); err == nil || !strings.Contains(err.Error(), "unaccounted") {
		t.Errorf("a tally that does not balance was written: %v", err)
	}
}

func TestReasonsMostFrequentFirst(t *testing.T) {
	tally := &Tally{Dropped: map[string]int64{"b": 2, "a": 2, "c": 9}}
	if got := strings.Join(tally.Reasons(), " "); got != "c a b" {
		t.Errorf("Reasons = %s, want c a b", got)
	}
}

func TestClearTakesThePartsAndSweepOnlyTheHalfWritten(t *testing.T) {
	folder, _ := writeManifest(t)
	half := filepath.Join(folder, "part-00001.arrow"+atomicfile.Suffix)
	if err := os.WriteFile(half, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := atomicfile.Sweep(folder); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v; want 1 file", n, err)
	}
	if _, err := ReadManifest(folder); err != nil {
		t.Errorf("Sweep harmed a finished folder: %v", err)
	}
	if err := Clear(folder, func(name string) bool { return name == "part-00000.arrow" }); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(folder)
	if len(left) != 1 || left[0].Name() != "part-00000.arrow" {
		t.Errorf("after Clear: %v", left)
	}
}
