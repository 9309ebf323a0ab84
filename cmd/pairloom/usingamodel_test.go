package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// codeBlock is a fenced block of a page of the documentation.
type codeBlock struct {
	line     int
	language string
	text     string
}

// codeBlocks are those of a page, in order.
func codeBlocks(t *testing.T, path string) []codeBlock {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []codeBlock
	inside := false
	for i, line := range strings.Split(string(page), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			list = append(list, codeBlock{line: i + 1, language: language})
			inside = true
		case fence:
			inside = false
		case inside:
			list[len(list)-1].text += line + "\n"
		}
	}
	return list
}

// TestUsingAModelAsThePageSays runs each block of docs/using-a-model.md, in order,
// beside a dataset with a trained model. Those of Python are one program, since
// each begins with what is known from the one before.
func TestUsingAModelAsThePageSays(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model")
	}
	interpreter := os.Getenv("PAIRLOOM_PYTHON")
	if interpreter == "" {
		interpreter = "python3"
	}
	find := "import importlib.util as u, sys; sys.exit(' '.join(m for m in sys.argv[1:] if u.find_spec(m) is None) or 0)"
	out, lacks := exec.Command(interpreter, "-c", find, "torch", "open_clip", "transformers", "safetensors", "PIL").CombinedOutput()

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
	blocks := codeBlocks(t, filepath.Join("..", "..", "docs", "using-a-model.md"))
	run := func(command *exec.Cmd) string {
		t.Helper()
		var said bytes.Buffer
		command.Dir, command.Stderr = dir, &said
		command.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "OMP_NUM_THREADS=2", asProgram+"=1")
		out, err := command.Output()
		if err != nil {
			t.Fatalf("%v:\n%s%s", err, out, said.Bytes())
		}
		return string(out)
	}
	program, languages := "", map[string]int{}
	for _, b := range blocks {
		languages[b.language]++
		switch b.language {
		case "sh":
			t.Logf("line %d:\n%s", b.line, run(exec.Command("bash", "-euc", b.text)))
		case "python":
			program += b.text
		default:
			t.Errorf("line %d: a block in %q, sh or python expected", b.line, b.language)
		}
	}
	if languages["sh"] != 2 || languages["python"] != 4 {
		t.Errorf("blocks are %v, 2 of sh and 4 of Python expected", languages)
	}
	if lacks != nil {
		t.Skipf("%s lacks modules: %s %v; PAIRLOOM_PYTHON names another python", interpreter, out, lacks)
	}
	said := run(exec.Command(interpreter, "-c", program))
	t.Log(said)
	for _, label := range []string{"fox", "plot", "bear"} {
		if n := strings.Count(said, "%  "+label+"\n"); n != 2 {
			t.Errorf("a probability of %s is printed %d times, by open_clip and by transformers expected:\n%s", label, n, said)
		}
	}
	if !strings.Contains(said, "'visual.proj': (64, 32)") {
		t.Errorf("the weights lack visual.proj:\n%s", said)
	}
}
