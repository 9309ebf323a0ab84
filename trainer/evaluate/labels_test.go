package evaluate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadLabels(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string // labels, or parts of the error after !
	}{
		{"red fox\n bear \r\n\n\n", []string{"red fox", "bear"}},
		{"fox", []string{"fox"}},
		{"", []string{"!", "it is empty"}},
		{"fox\n\nbear\nfox\nfox", []string{"!", `line 4 repeats "fox" of line 1`, `line 5 repeats "fox" of line 1`, "labels.txt"}},
		{"\uFEFFfox\r\n\r\nbear\r\n", []string{"fox", "bear"}},
		{"\uFEFFfox\nfox", []string{"!", `line 2 repeats "fox" of line 1`}},
		{"\uFEFF\r\n", []string{"!", "it is empty"}},
		{"fox\n\nb\xE4r", []string{"!", "line 3 is not UTF-8", "labels.txt"}},
	} {
		got, err := ReadLabels(writeFile(t, filepath.Join(t.TempDir(), "labels.txt"), tt.text))
		if tt.want[0] != "!" {
			if err != nil || strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("%q: got %q, %v", tt.text, got, err)
			}
			continue
		}
		for _, part := range tt.want[1:] {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: got %v, want %q in it", tt.text, err, part)
			}
		}
	}
	if _, err := ReadLabels(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file has labels")
	}
}

func TestTemplates(t *testing.T) {
	set, err := Templates([]string{"imagenet80", "a {label}"})
	if err != nil || len(set) != 81 || set[0] != "a bad photo of a {label}." || set[80] != "a {label}" {
		t.Errorf("%d templates, %v: %q", len(set), err, set)
	}
	for _, s := range set {
		if strings.Count(s, labelMark) != 1 {
			t.Errorf("%q has no single label", s)
		}
	}
	if one, err := Templates(nil); err != nil || len(one) != 1 || prompt(one[0], "red fox") != "A photo of a red fox." {
		t.Errorf("without any: %q, %v", one, err)
	}
	_, err = Templates([]string{"imagenet8", "a {label}", "{Label}"})
	for _, part := range []string{`"imagenet8" does not contain {label}`, `"{Label}" does not contain`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
}
