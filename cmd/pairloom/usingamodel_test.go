package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/readers"
)

// TestUsingAModelAsThePageSays runs each block of docs/using-a-model.md, in order,
// beside a dataset with a trained model. Those of Python are one program, since
// each begins with what is known from the one before.
func TestUsingAModelAsThePageSays(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "cats"), os.DirFS(unbroken(t))); err != nil {
		t.Fatal(err)
	}
	fox, err := os.ReadFile(filepath.Join("testdata", "fox.png"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"fox.png": fox, "labels.txt": []byte("fox\nplot\nbear\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	blocks := readers.Blocks(t, "../../docs/using-a-model.md")
	program, languages := "", map[string]int{}
	for _, b := range blocks {
		languages[b.Language]++
		switch b.Language {
		case "sh":
			command := exec.Command("bash", "-euc", b.Code)
			command.Dir, command.Env = dir, append(os.Environ(), asProgram+"=1")
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s\n%v: %s", b.Code, err, out)
			}
		case "python":
			program += b.Code
		default:
			t.Errorf("a block in %q, sh or python expected:\n%s", b.Language, b.Code)
		}
	}
	if languages["sh"] != 2 || languages["python"] != 4 {
		t.Errorf("blocks are %v, 2 of sh and 4 of Python expected", languages)
	}
	said := readers.Script(t, dir, program)
	for _, label := range []string{"fox", "plot", "bear"} {
		if n := strings.Count(said, "%  "+label+"\n"); n != 2 {
			t.Errorf("a probability of %s is printed %d times, by open_clip and by transformers expected:\n%s", label, n, said)
		}
	}
	if !strings.Contains(said, "'visual.proj': (64, 32)") {
		t.Errorf("the weights lack visual.proj:\n%s", said)
	}
}
