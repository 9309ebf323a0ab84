// Package readers runs, for tests, the tools of others that read what pairloom writes:
// the Python packages of requirements.txt beside it, which make readers installs into
// .readers. Where that was not done tests that need them are skipped; with
// PAIRLOOM_PYTHON, the path of an interpreter, they fail instead.
package readers

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Python is the interpreter that has the packages.
func Python(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs the readers of others, which know nothing of the race detector")
	}
	if path := os.Getenv("PAIRLOOM_PYTHON"); path != "" {
		return path
	}
	for folder, err := os.Getwd(); err == nil; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil || folder == filepath.Dir(folder) {
			path := filepath.Join(folder, ".readers", "bin", "python")
			if _, err := os.Stat(path); err == nil {
				return path
			}
			break
		}
	}
	t.Skip("the readers of others are not installed: make readers")
	return ""
}

// Script runs Python code in dir and returns what it printed; an error of it fails the
// test.
func Script(t testing.TB, dir, code string) string {
	t.Helper()
	// A script must not find what another test downloaded, nor ask the network.
	cache := t.TempDir()
	c := exec.Command(Python(t), "-c", code)
	c.Dir = dir
	c.Env = append(os.Environ(), "HF_HOME="+cache, "HF_HUB_OFFLINE=1", "HF_DATASETS_DISABLE_PROGRESS_BARS=1", "PYTHONWARNINGS=ignore")
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s\nit printed\n%s%s", c.Args[0], err, code, out.String(), errors.String())
	}
	return out.String()
}

// Block is a block of code of a page.
type Block struct {
	Language string
	Code     string
	Wants    string // what it prints, by the block of output that follows it; "" when there is none
}

// Blocks are the blocks of code of the Markdown page at path, in order. A block with
// the language output says what the one before it prints.
func Blocks(t testing.TB, path string) []Block {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []Block
	for i, piece := range strings.Split("\n"+string(page), "\n```") {
		if i%2 == 0 {
			continue
		}
		language, code, _ := strings.Cut(piece+"\n", "\n")
		if language == "output" && len(blocks) > 0 {
			blocks[len(blocks)-1].Wants = code
			continue
		}
		blocks = append(blocks, Block{Language: language, Code: code})
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no block of code", path)
	}
	return blocks
}
