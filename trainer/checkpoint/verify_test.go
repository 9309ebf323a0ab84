package checkpoint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestListAndVerify damages one of the checkpoints of a run and of one that is to
// replace it.
func TestListAndVerify(t *testing.T) {
	content := func(step int64) Content {
		return Content{State: State{Step: step, Total: 9},
			Weights: []Tensor{{Name: "w", Shape: []int{2}, Data: []float32{1, 2}}}, Moments: []Tensor{{Name: "m", Shape: []int{1}, Data: []float32{3}}}, Vocabulary: []byte("merges"),
			Others: map[string][]byte{"open_clip_config.json": []byte("{}")}}
	}
	for _, tt := range []struct {
		name   string
		damage func(folder string) error
		fault  string // path and cause of the only one; "" for none
	}{
		{"nothing", func(string) error { return nil }, ""},
		{"a bit", func(f string) error {
			return os.WriteFile(filepath.Join(f, "step-00000002", VocabularyName), []byte("mergez"), 0o644)
		}, "step-00000002/vocabulary.txt: its checksum is "},
		{"of a file for other programs", func(f string) error {
			return os.WriteFile(filepath.Join(f, "best-00000002", "open_clip_config.json"), []byte("[]"), 0o644)
		}, "best-00000002/open_clip_config.json: its checksum is "},
		{"cut short", func(f string) error { return os.Truncate(filepath.Join(f, "step-00000001", WeightsName), 9) },
			"step-00000001/model.safetensors: it has 9 bytes, but state.json says "},
		{"missing", func(f string) error { return os.Remove(filepath.Join(f, "best-00000002", WeightsName)) }, "best-00000002/model.safetensors: open "},
		{"in the next run", func(f string) error { return os.Remove(filepath.Join(f, nextFolder, "step-00000001", momentsName)) },
			"next/step-00000001/optimizer.safetensors: open "},
		{"no state", func(f string) error {
			return os.WriteFile(filepath.Join(f, "step-00000002", stateName), []byte("{"), 0o644)
		},
			"step-00000002/state.json: unexpected end"},
		{"a state that leads out", func(f string) error {
			return os.WriteFile(filepath.Join(f, "step-00000002", stateName),
				[]byte(`{"format": 1, "files": {"model.safetensors": {}, "vocabulary.txt": {"bytes": 6, "xxh64": ""}, "../x": {}}}`), 0o644)
		}, `step-00000002/state.json: the name "../x" leads out of the folder`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, step := range []int64{1, 2} {
				if err := Save(folder, content(step), 2); err != nil {
					t.Fatal(err)
				}
			}
			best := content(2)
			best.Moments = nil
			if err := SaveBest(folder, best); err != nil {
				t.Fatal(err)
			}
			if err := Save(filepath.Join(folder, nextFolder), content(1), 2); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(folder, "step-00000003"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := tt.damage(folder); err != nil {
				t.Fatal(err)
			}
			list, err := List(folder)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(list.Whole) + len(list.Damaged); n != 4 || len(list.Unfinished) != 1 {
				t.Errorf("%d checkpoints and %d unfinished, want 4 and 1", n, len(list.Unfinished))
			}
			faults := slices.Clone(list.Damaged)
			for _, c := range list.Whole {
				faults = append(faults, c.Verify()...)
			}
			var found []string
			for _, d := range faults {
				found = append(found, strings.TrimPrefix(d.Path, folder+"/")+": "+d.Cause)
			}
			if tt.fault == "" && len(found) > 0 || tt.fault != "" && !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, tt.fault) }) {
				t.Errorf("faults %q, want %q", found, tt.fault)
			}
		})
	}
	if list, err := List(filepath.Join(t.TempDir(), "none")); err != nil || len(list.Whole) != 0 {
		t.Errorf("of no folder: %v, %v", list, err)
	}
}
