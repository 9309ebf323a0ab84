package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

const module = "github.com/pairloom/pairloom/"

// source is one Go file of the house.
type source struct {
	path string // from the root, such as shard/writer.go
	room string // its folder
	file *ast.File
	fset *token.FileSet
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// line is the number of lines of the file.
func (s source) lines() int { return s.fset.File(s.file.Pos()).LineCount() }

// sources are all Go files of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	list, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("found only %d Go files", len(list))
	}
	return list
}

// parsed parses them, once for all tests.
var parsed = sync.OnceValues(func() ([]source, error) {
	const root = "../.."
	var list []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && p != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		list = append(list, source{rel, path.Dir(rel), f, fset})
		return nil
	})
	return list, err
})

func (s source) imports() []string {
	var list []string
	for _, i := range s.file.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

// within tells whether room is one of the rooms or lies inside one.
func within(room string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return room == r || strings.HasPrefix(room, r+"/") })
}

// floor is the number of the floor that a room lies on; imports point down.
func floor(room string) int {
	switch {
	case within(room, "cmd", "bench"):
		return 6
	case within(room, "browse"):
		return 5
	case within(room, "pipeline"):
		return 4
	case within(room, "crawl", "query", "filter", "dedup", "trainer"):
		return 3
	case within(room, "shard"):
		return 2
	case within(room, "internal", "queries"):
		return 1
	}
	return 0
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			target, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			from, to := floor(s.room), floor(target)
			stageOf := func(room string) string { return strings.Split(room, "/")[0] }
			switch {
			case from == 0 || to == 0:
				t.Errorf("%s imports %s: one of them is in no room of the plan; give it a floor in floor() and a line in CONTRIBUTING.md", s.path, target)
			case to > from:
				t.Errorf("%s imports %s, which lies a floor higher; pass what it needs as a plain value or a function", s.path, target)
			case from == 3 && to == 3 && stageOf(s.room) != stageOf(target) && !s.test():
				t.Errorf("%s imports %s: stages do not know one another; let pipeline compose them", s.path, target)
			}
		}
	}
}

// TestCommandDecidesNothing holds the command to flags and printing: what decides
// a record lies below, where explain and other programs reach it.
func TestCommandDecidesNothing(t *testing.T) {
	for _, s := range sources(t) {
		if s.room != "cmd/pairloom" || s.test() {
			continue
		}
		for _, imported := range s.imports() {
			for _, room := range []string{"internal/extsort", "filter", "dedup", "query/balance", "query/match", "crawl/fetch", "crawl/gate"} {
				// The commands that show and make query lists look into one.
				if imported == module+room && !(path.Base(s.path) == "queries.go" && room == "query/match") {
					t.Errorf("%s imports %s: let a stage of pipeline do it, and print what it returns", s.path, room)
				}
			}
		}
	}
}

// TestFoldersAreNamedOnce holds that only shard/folders.go spells the names of a
// dataset's folders.
func TestFoldersAreNamedOnce(t *testing.T) {
	names := map[string]bool{}
	for _, folder := range shard.Folders() {
		names[strconv.Quote(folder)] = true
	}
	// Words that are also something else where they stand: units of a tally, kinds
	// of class sets, fields of JSON.
	other := map[string][]string{
		`"candidates"`: {"crawl/alttext", "crawl/frontier", "pipeline", "bench"}, `"shards"`: {"trainer/evaluate", "bench"},
		`"report"`: {"shard/stats", "pipeline"}, `"images"`: {"bench"},
	}
	for _, s := range sources(t) {
		if s.test() || s.path == "shard/folders.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && names[l.Value] && !within(s.room, other[l.Value]...) {
				t.Errorf("%s:%d spells the folder %s; use shard's constant", s.path, s.fset.Position(l.Pos()).Line, l.Value)
			}
			return true
		})
	}
}

// only says which rooms may import a package.
var only = map[string][]string{
	"C":                              {"trainer/device/cpu", "trainer/device/cuda", "trainer/batch", "internal/deflate", "internal/picture"},
	"github.com/mattn/go-sqlite3":    {"crawl/frontier"},
	"database/sql":                   {"crawl/frontier"},
	"github.com/apache/arrow/go/v17": {"shard", "crawl/lists"},
	"github.com/apache/arrow/go/v17/arrow/memory": {"shard", "internal/cells", "crawl/lists"}, // Parquet's pages lie in its buffers
	"github.com/apache/arrow/go/v17/parquet":      {"shard", "internal/cells", "trainer/evaluate", "crawl/lists"},
	"github.com/apache/thrift":                    {"internal/cells"}, // Parquet's headers
	"github.com/spf13/cobra":                      {"cmd"},
	"github.com/goccy/go-yaml":                    {"cmd"},
	"os/exec":                                     {"internal/picture", "internal/readers", "trainer/device/cuda/compile", "trainer/device/cuda/testdriver"},
	"gocloud.dev":                                 {"shard/export"}, // drivers of buckets
	"math/rand":                                   {},
	"math/rand/v2":                                {"trainer/nn", "trainer/device/conformance"}, // seeded sources: weights, test tensors
}

func TestPackagesHaveOneRoom(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || within(s.room, "bench") {
			continue
		}
		for _, imported := range s.imports() {
			longest := "" // the entry that says most of the import
			for restricted := range only {
				if within(imported, restricted) && len(restricted) > len(longest) {
					longest = restricted
				}
			}
			if rooms := only[longest]; longest != "" && !within(s.room, rooms...) {
				t.Errorf("%s imports %s, which only %v may; call that room instead (random choices: hash the pair's id with the seed)", s.path, imported, rooms)
			}
		}
	}
}

// pure are the rooms whose output may depend on their input alone.
var pure = []string{
	"crawl/alttext", "crawl/sitemap", "query", "queries", "filter", "dedup", "shard", "internal/fold", "internal/extsort",
	"trainer/autograd", "trainer/nn", "trainer/clip", "trainer/token", "trainer/checkpoint", "trainer/evaluate",
}

func TestPureRoomsHaveNoClock(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || !within(s.room, pure...) {
			continue
		}
		calls(s, func(pkg, name string) {
			if pkg == "time" && (name == "Now" || name == "Since") {
				t.Errorf("%s calls time.%s: take the time as an argument", s.path, name)
			}
		})
	}
}

// inPlace are the files that may make or rename files themselves, and why.
var inPlace = map[string]string{
	"internal/atomicfile/file.go":            "it is the writer",
	"trainer/checkpoint/checkpoint.go":       "it renames a link",
	"trainer/checkpoint/replace.go":          "it moves whole folders, whose files are whole",
	"trainer/layout/export.go":               "it moves a whole folder, whose files are whole",
	"trainer/device/conformance/equality.go": "it writes a page of the documentation",
	"pipeline/lock.go":                       "it moves whole files",
	"pipeline/producing.go":                  "it gives a whole file its name",
	"pipeline/shard.go":                      "it moves whole files",
	"shard/manifest.go":                      "it gives a whole file the name of today",
	"shard/export/local.go":                  "it names pictures of which no table speaks yet, and moves whole files",
	"crawl/archive/writer.go":                "it renames a file that is whole, and finishes one that a kill left",
	"crawl/frontier/look.go":                 "it copies into a temporary folder of its own",
}

func TestFilesAppearWhole(t *testing.T) {
	for _, s := range sources(t) {
		if _, may := inPlace[s.path]; may || s.test() || within(s.room, "bench") {
			continue
		}
		calls(s, func(pkg, name string) {
			if pkg == "os" && (name == "Create" || name == "WriteFile" || name == "Rename") {
				t.Errorf("%s calls os.%s: a file that a killed process leaves half written is taken for whole; write it through internal/atomicfile", s.path, name)
			}
		})
	}
}

// TestKillsComeFromTests holds that no program can be told to stop where files
// appear.
func TestKillsComeFromTests(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		calls(s, func(pkg, name string) {
			if pkg == "atomicfile" && name == "Reached" {
				t.Errorf("%s uses atomicfile.Reached, which is there for tests", s.path)
			}
		})
	}
}

// TestGoroutinesAreRaced holds the packages that make test runs with the race
// detector to those whose files start goroutines or guard against them.
func TestGoroutinesAreRaced(t *testing.T) {
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nRACE :=")
	list, _, _ := strings.Cut(strings.ReplaceAll(rest, "\\\n", " "), "\n")
	raced := map[string]bool{}
	for _, p := range strings.Fields(list) {
		raced[strings.TrimPrefix(p, "./")] = true
	}
	concurrent := map[string]string{} // room to one of its files
	for _, s := range sources(t) {
		if s.test() || within(s.room, "bench") {
			continue
		}
		if slices.ContainsFunc(s.imports(), func(i string) bool {
			return i == "sync" || i == "sync/atomic" || i == "golang.org/x/sync/errgroup"
		}) {
			concurrent[s.room] = s.path
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				concurrent[s.room] = s.path
			}
			return true
		})
	}
	for room, file := range concurrent {
		if !raced[room] {
			t.Errorf("%s has goroutines or guards against them: add ./%s to RACE in the Makefile", file, room)
		}
	}
	for room := range raced {
		if concurrent[room] == "" {
			t.Errorf("RACE in the Makefile names %s, which has no goroutine: take it out", room)
		}
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		calls(s, func(pkg, name string) {
			if pkg == "time" && name == "Sleep" {
				t.Errorf("%s calls time.Sleep: wait for the event itself", s.path)
			}
		})
	}
}

// calls visits every pkg.Name that the file uses.
func calls(s source, visit func(pkg, name string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil {
				visit(x.Name, sel.Sel.Name)
			}
		}
		return true
	})
}

func TestNamesSayWhatIsInside(t *testing.T) {
	for _, s := range sources(t) {
		for _, word := range []string{"util", "utils", "common", "helper", "helpers", "manager", "misc"} {
			name := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
			if name == word || path.Base(s.room) == word {
				t.Errorf("%s: the name says nothing; name it after the thing in it", s.path)
			}
		}
		if n := s.lines(); n > 600 {
			t.Errorf("%s has %d lines; a file over 600 holds two ideas: split it", s.path, n)
		}
	}
}

func TestRoomsAreDescribed(t *testing.T) {
	docs := map[string]string{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if _, ok := docs[s.room]; !ok {
			docs[s.room] = ""
		}
		if s.file.Doc != nil {
			docs[s.room] += s.file.Doc.Text()
		}
	}
	for room, doc := range docs {
		if len(strings.Fields(doc)) < 10 {
			t.Errorf("%s has no package comment that says what the room does; write doc.go", room)
		}
	}
}
