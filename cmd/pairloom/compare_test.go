package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLoadComparison finds files beside the configuration, whatever folder the
// command is called in.
func TestLoadComparison(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "compare.yaml")
	const text = `
dataset: cats
labels: labels.txt
pairs: 1000
sets: ["folder:test", "mnist:images,/labels"]
train:
  init: model.safetensors
  data: [../birds=0.5, /dogs]
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o, err := loadComparison(path)
	if err != nil {
		t.Fatal(err)
	}
	beside := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct{ key, got, want string }{
		{"dataset", o.Dataset, beside("cats")},
		{"out", o.Out, beside("compare")},
		{"labels", o.Labels, beside("labels.txt")},
		{"a set of one path", o.Sets[0], "folder:" + beside("test")},
		{"a set of two paths", o.Sets[1], "mnist:" + beside("images") + ",/labels"},
		{"train.init", o.Train.Init, beside("model.safetensors")},
		{"train.text_init", o.Train.TextInit, ""},
		{"train.data", o.Train.Data[0], beside("../birds=0.5")},
		{"train.data, absolute", o.Train.Data[1], "/dogs"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %q, want %q", tt.key, tt.got, tt.want)
		}
	}
}
