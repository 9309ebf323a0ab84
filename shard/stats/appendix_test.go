package stats

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

func TestTeX(t *testing.T) {
	for text, want := range map[string]string{
		`a\b{c}$&#_%^~`:  `a\textbackslash{}b\{c\}\$\&\#\_\%\textasciicircum{}\textasciitilde{}`,
		`"<|>"`:          `''\textless{}\textbar{}\textgreater{}''`,
		"größer é":       "größer é",
		"шалаш":          "U+448U+430U+43BU+430U+448",
		"a\nb\tc\x00":    "a b c ",
		"≈ 1,000 — 2":    `$\approx$ 1,000 --- 2`,
		`\input{secret}`: `\textbackslash{}input\{secret\}`,
		"ðþ÷":            "U+F0U+FEU+F7",
	} {
		if got := tex(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestCiteKey(t *testing.T) {
	for name, want := range map[string]string{"My Cats_2": "my-cats-2", "猫": "dataset", "": "dataset", `a},b`: "ab", "-x-": "x"} {
		if got := citeKey(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestAppendixCompiles asks pdfLaTeX and BibTeX, where they are installed, about names
// of every printable character of ASCII and others.
func TestAppendixCompiles(t *testing.T) {
	for _, program := range []string{"pdflatex", "bibtex"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed: apt-get install texlive-latex-base texlive-latex-recommended")
		}
	}
	s := collect(t, somePairs(t, 300), Options{Tokens: func(text string) int { return len(text) / 4 }})
	s.Dataset = someDataset(300)
	var every strings.Builder
	for r := rune(0); r < 0x200; r++ {
		every.WriteRune(r)
	}
	s.Dataset.Name, s.Dataset.URL = "cats "+every.String(), "https://example.org/a_b%20c#d"
	s.TextLanguages = Names{{every.String(), 3}}
	s.Stages[0] = shard.Tally{Stage: every.String(), Dropped: map[string]int64{"a_b": 1}, In: 1}
	dir := t.TempDir()
	if err := WriteAppendix(dir, s); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, Folder)
	const document = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{appendix}\n\\bibliographystyle{plain}\\bibliography{dataset}\n\\end{document}\n"
	if err := os.WriteFile(filepath.Join(dir, "paper.tex"), []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper"}, {"bibtex", "paper"},
		{"pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper"}, {"pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper"},
	} {
		c := exec.CommandContext(t.Context(), command[0], command[1:]...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil || regexp.MustCompile(`(?m)^!|Warning--|undefined references`).Match(out) && command[0] == "bibtex" {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "paper.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, trouble := range []string{"undefined references", "Citation", "Missing character"} {
		if strings.Contains(string(log), trouble) {
			t.Errorf("the log has %q", trouble)
		}
	}
}
