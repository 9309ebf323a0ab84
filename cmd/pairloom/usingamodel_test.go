package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/internal/readers"
)

// TestUsingAModelAsThePageSays runs each block of docs/using-a-model.md, in order,
// beside a dataset whose model was trained without train.validate_every, as by default.
// Those of Python are one program, since each begins with what is known from the one
// before; by open_clip and by transformers the answers are the same, for the page takes
// the same weights throughout.
func TestUsingAModelAsThePageSays(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "cats"), os.DirFS(unbroken(t))); err != nil {
		t.Fatal(err)
	}
	withoutValidation(t, filepath.Join(dir, "cats"))
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
	if languages["sh"] != 3 || languages["python"] != 4 {
		t.Errorf("blocks are %v, 3 of sh and 4 of Python expected", languages)
	}
	said := readers.Script(t, dir, program)
	shares := map[string][]string{} // of each label, as printed
	for _, line := range regexp.MustCompile(`(?m)^ *([0-9.]+%)  (\S+)$`).FindAllStringSubmatch(said, -1) {
		shares[line[2]] = append(shares[line[2]], line[1])
	}
	for label, list := range shares {
		a, _ := strconv.ParseFloat(strings.TrimSuffix(list[0], "%"), 64) // as the pattern has it
		b, _ := strconv.ParseFloat(strings.TrimSuffix(list[len(list)-1], "%"), 64)
		if math.Abs(a-b) > 2 { // pixels differ by a little, see the page
			t.Errorf("%s is %s by one reader and %s by the other, which take the same weights", label, list[0], list[len(list)-1])
		}
	}
	for _, label := range []string{"fox", "plot", "bear"} {
		if n := strings.Count(said, "%  "+label+"\n"); n != 2 {
			t.Errorf("a probability of %s is printed %d times, by open_clip and by transformers expected:\n%s", label, n, said)
		}
	}
	if !strings.Contains(said, "'visual.proj': (64, 32)") {
		t.Errorf("the weights lack visual.proj:\n%s", said)
	}
}

// withoutValidation trains the model of dir anew with the default of train.validate_every.
func withoutValidation(t *testing.T, dir string) {
	t.Helper()
	name := filepath.Join(dir, config.FileName)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`validate_every: *[0-9]+`)
	if !line.Match(text) {
		t.Fatalf("%s does not set validate_every", name)
	}
	if err := os.WriteFile(name, line.ReplaceAll(text, []byte("validate_every: 0")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	must(t, "train", "-C", dir)
	if best, _ := filepath.Glob(filepath.Join(dir, "checkpoints", "best*")); len(best) > 0 { // the pattern is right
		t.Fatalf("a training without validation leaves %v", best)
	}
}
