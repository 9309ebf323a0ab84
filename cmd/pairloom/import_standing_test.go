package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportStands: what an import finished counts until another is whole: one that
// fails, is stopped or goes by other settings leaves it as it is.
func TestImportStands(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	folder, _ := servedLists(t)
	list := filepath.Join(folder, "laion.parquet")
	whole, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	const produced = "candidates/list-laion"
	for _, tt := range []struct {
		name    string
		content []byte
		flags   []string
		exit    int
	}{
		{"half a file", whole[:len(whole)/2], nil, exitError_},
		{"not one byte", nil, nil, exitError_},
		{"stopped", whole, []string{"--keep-all", "--max-duration", "1ns"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newFolder(t, listSettings)
			if err := os.WriteFile(list, whole, 0o666); err != nil {
				t.Fatal(err)
			}
			must(t, "import", "-C", dir, list)
			before := hashes(t, dir, produced)
			if err := os.WriteFile(list, tt.content, 0o666); err != nil {
				t.Fatal(err)
			}
			if code, out, stderr := pairloom(t, append([]string{"import", "-C", dir, list}, tt.flags...)...); code != tt.exit {
				t.Errorf("exit %d, want %d: %s%s", code, tt.exit, out, stderr)
			}
			after := hashes(t, dir, produced)
			for name, sum := range before {
				if after[name] != sum && !strings.Contains(name, "/done-") {
					t.Errorf("%s is another or gone", name)
				}
			}
			must(t, "verify", "-C", dir)
			if kept := summaryOf(t, must(t, "match", "-C", dir, "--json"))["match"].Kept; kept != 6 {
				t.Errorf("match keeps %d, want 6", kept)
			}
			if err := os.WriteFile(list, whole, 0o666); err != nil {
				t.Fatal(err)
			}
			must(t, "import", "-C", dir, list, "--keep-all")
			fresh := newFolder(t, listSettings)
			must(t, "import", "-C", fresh, list, "--keep-all")
			sameFiles(t, "a whole one in its place", hashes(t, dir, produced), hashes(t, fresh, produced))
		})
	}
}

// TestImportWithoutBadFiles: of many files those that can be read count, and the others
// once they are mended; a result that is whole is not given up for one that is not.
func TestImportWithoutBadFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	folder, _ := servedLists(t)
	good, bad := filepath.Join(folder, "laion.csv"), filepath.Join(folder, "laion.parquet")
	whole, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		if err := os.WriteFile(bad, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dir := newFolder(t, listSettings)
	in := func() []string { return []string{"import", "-C", dir, "--name", "x", good, bad, "--json"} }
	counts := func() int64 {
		return summaryOf(t, must(t, "match", "-C", dir, "--json"))["match"].In
	}
	write(whole[:len(whole)/2])
	for range 2 { // it stays due
		code, out, stderr := pairloom(t, in()...)
		if code != exitError_ || !strings.Contains(out, "1 of 2 files cannot be read") || !strings.Contains(stderr, bad) {
			t.Errorf("exit %d, %s%s", code, out, stderr)
		}
		must(t, "verify", "-C", dir)
		if n := counts(); n != 6 {
			t.Errorf("match reads %d candidates, want the 6 of the good file", n)
		}
	}
	write(whole)
	must(t, in()...)
	if n := counts(); n != 12 {
		t.Errorf("match reads %d candidates, want 12", n)
	}
	write(whole[:len(whole)/2])
	if code, out, _ := pairloom(t, in()...); code != exitError_ || !strings.Contains(out, "last run that finished count") {
		t.Errorf("exit %d, %s", code, out)
	}
	if n := counts(); n != 12 {
		t.Errorf("match reads %d candidates, want the 12 of before", n)
	}
}

// TestUnfinishedListsAreNamed: match, run and status name a list or archive that is not
// finished, and the command that goes on with it.
func TestUnfinishedListsAreNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	folder, _ := servedLists(t)
	dir := newFolder(t, listSettings)
	list := filepath.Join(folder, "laion.csv")
	must(t, "import", "-C", dir, list, "--name", "late")
	if err := os.Remove(filepath.Join(dir, "candidates", "list-late", "_MANIFEST.json")); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	const goOn = "pairloom import FILES --name late"
	for _, command := range [][]string{{"match"}, {"run", "--from", "match", "--to", "match"}} {
		code, _, stderr := pairloom(t, append(command, "-C", dir)...)
		if code != exitConfiguration || !strings.Contains(stderr, "candidates/list-late") || !strings.Contains(stderr, goOn) {
			t.Errorf("the only one, %v: exit %d, %s", command, code, stderr)
		}
	}
	if out := must(t, "import", "-C", dir, list, "--name", "whole"); !strings.Contains(out, "pairloom run --from match") {
		t.Errorf("import does not name the next step:\n%s", out)
	}
	for range 2 { // at work, and with nothing to do
		if out := must(t, "run", "-C", dir, "--from", "match", "--to", "match"); !strings.Contains(out, "candidates/list-late is not finished") || !strings.Contains(out, goOn) {
			t.Errorf("run says\n%s", out)
		}
	}
	if out := must(t, "match", "-C", dir, "--json"); !strings.Contains(out, `"candidates/list-late"`) {
		t.Errorf("match says %s", out)
	}
	out := must(t, "status", "-C", dir)
	for _, want := range []string{"list-late", "unfinished: go on with " + goOn, "list-whole"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
}

// TestImportOfOtherFiles: a list of other files of the same name is put in the place of
// one only when that is asked for; one that grew is read anew.
func TestImportOfOtherFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	one, other := filepath.Join(t.TempDir(), "ch.csv"), filepath.Join(t.TempDir(), "ch.csv")
	for path, rows := range map[string]int{one: 1, other: 3} {
		if err := os.WriteFile(path, []byte("url,text\n"+strings.Repeat("http://a.example/1.png,a cat\n", rows)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dir := newFolder(t, listSettings)
	must(t, "import", "-C", dir, one)
	code, _, stderr := pairloom(t, "import", "-C", dir, other)
	if code != exitConfiguration || !strings.Contains(stderr, "--name") || !strings.Contains(stderr, "--replace") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if err := os.WriteFile(one, []byte("url,text\nhttp://a.example/1.png,a cat\nhttp://a.example/2.png,a cat\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := pairloom(t, "import", "-C", dir, one, "--json")
	if code != 0 || summaryOf(t, out)["import"].Kept != 2 || strings.Contains(stderr, "replace") {
		t.Errorf("one that grew: exit %d, %s%s", code, out, stderr)
	}
	if kept := summaryOf(t, must(t, "import", "-C", dir, other, "--replace", "--json"))["import"].Kept; kept != 3 {
		t.Errorf("replaced by %d rows, want 3", kept)
	}
}

// TestExplainOfLists: of rows of a list that no page has, explain names the rows.
func TestExplainOfLists(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	list := filepath.Join(t.TempDir(), "l.csv")
	if err := os.WriteFile(list, []byte("url,text\n"+strings.Repeat("http://a.example/1.png,a cat\n", 2)), 0o666); err != nil {
		t.Fatal(err)
	}
	dir := newFolder(t, listSettings)
	must(t, "import", "-C", dir, list)
	if out := must(t, "explain", "-C", dir, "http://a.example/1.png"); !strings.Contains(out, "passed import") {
		t.Errorf("before match explain says\n%s", out)
	}
	must(t, "match", "-C", dir)
	if out := must(t, "explain", "-C", dir, "http://a.example/1.png"); !strings.Contains(out, "goes on from l.csv:2 (list)") {
		t.Errorf("explain says\n%s", out)
	}
}
