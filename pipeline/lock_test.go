package pipeline

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// oldFolder makes the candidates of a folder as pairloom 0.1 wrote them: parts in
// candidates/ itself, with a manifest of format 1. It returns the names of the
// files in the order in which they are moved.
func oldFolder(t *testing.T, dir string) []string {
	t.Helper()
	writeCandidates(t, dir, map[string]string{"crawl": "a 1 alt a cat\n a 2 alt a cat\n a 3 alt a cat\n a 4 alt a cat\n b 5 alt a cat\n b 6 alt a cat\n b 7 alt a cat"})
	root, crawl := filepath.Join(dir, shard.CandidatesFolder), filepath.Join(dir, shard.ProducerFolder(shard.ProducerCrawl))
	m, err := shard.ReadManifest(crawl)
	if err != nil {
		t.Fatal(err)
	}
	m.Format = 1
	var names []string
	for i := range m.Parts {
		m.Parts[i].Batches = nil
		names = append(names, m.Parts[i].Name)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(crawl, shard.ManifestName), append(text, '\n'), 0o644)
	}
	names = append(names, shard.ManifestName)
	for _, name := range names {
		if err == nil {
			err = os.Rename(filepath.Join(crawl, name), filepath.Join(root, name))
		}
	}
	if err == nil {
		err = os.Remove(crawl)
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// acquired takes and releases the lock of a folder, which converts it.
func acquired(t *testing.T, dir string) {
	t.Helper()
	lock, err := Acquire(dir, "match")
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
}

func listFolder(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestFolderOfPairloom01IsConverted starts from each state that a kill of the
// conversion can leave: some of the files moved, in their order.
func TestFolderOfPairloom01IsConverted(t *testing.T) {
	const files = 4 // three parts and the manifest
	for moved := -1; moved <= files; moved++ {
		dir := t.TempDir()
		names := oldFolder(t, dir)
		if len(names) != files {
			t.Fatalf("files %q", names)
		}
		root, crawl := filepath.Join(dir, shard.CandidatesFolder), filepath.Join(dir, shard.ProducerFolder(shard.ProducerCrawl))
		before, err := shard.ReadManifest(root)
		if err != nil {
			t.Fatal(err)
		}
		if moved >= 0 { // the folder was made
			if err := os.Mkdir(crawl, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range names[:moved] {
				if err := os.Rename(filepath.Join(root, name), filepath.Join(crawl, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if moved < files { // what only reads refuses the state, and changes nothing
			left := listFolder(t, root)
			var refused *ConfigurationError
			if _, err := producers(dir); !errors.As(err, &refused) || !strings.Contains(err.Error(), "has the layout of pairloom 0.1; run pairloom match, which brings it into today's") {
				t.Errorf("%d moved: reading says %v", moved, err)
			}
			if now := listFolder(t, root); !slices.Equal(now, left) {
				t.Errorf("%d moved: reading left %q of %q", moved, now, left)
			}
		}
		if err := os.WriteFile(filepath.Join(root, "part-00003.arrow"+atomicfile.Suffix), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		acquired(t, dir)
		if left := listFolder(t, root); !slices.Equal(left, []string{shard.ProducerCrawl}) {
			t.Errorf("%d moved: in %s lie %q", moved, root, left)
		}
		want := slices.Sorted(slices.Values(names))
		if now := listFolder(t, crawl); !slices.Equal(now, want) {
			t.Errorf("%d moved: in %s lie %q, want %q", moved, crawl, now, want)
		}
		all, err := producers(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 || all[0].name != shard.ProducerCrawl || all[0].manifest.Hash() != before.Hash() {
			t.Errorf("%d moved: the producers are %+v", moved, all)
		}
		if rows := rowsOf[shard.Candidate](t, dir, shard.ProducerFolder(shard.ProducerCrawl)); len(rows) != 7 || rows[6].ImageURL != "https://pictures.example/7" {
			t.Errorf("%d moved: %d candidates", moved, len(rows))
		}
		acquired(t, dir) // once more changes nothing
		if now := listFolder(t, crawl); !slices.Equal(now, want) {
			t.Errorf("%d moved: after another lock lie %q", moved, now)
		}
	}
}

// TestFolderOfPairloom01IsNotMisread holds that what only reads says which layout
// it found, and does not take the folder for an empty one.
func TestFolderOfPairloom01IsNotMisread(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	oldFolder(t, dir)
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	const want = "has the layout of pairloom 0.1; run pairloom match"
	for _, asked := range []string{"https://page.example/a", "0123456789abcdef"} {
		var refused *ConfigurationError
		if _, err := Explain(dir, o, asked); !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("explain %s: %v, want %q", asked, err, want)
		}
	}
	road := Road(Work{Dir: dir, Options: *o})
	state, err := road[0].State()
	if err != nil {
		t.Fatal(err)
	}
	if state.Stage != CrawlName || state.State != "unfinished" || !strings.Contains(state.Reason, "layout of pairloom 0.1") {
		t.Errorf("the state is %+v", state)
	}
	acquired(t, dir)
	runStages(t, dir, o, whole...)
	e, err := Explain(dir, o, "https://page.example/a")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := explained(e), strings.Repeat("a alt: kept\n", 4); got != want {
		t.Errorf("after the conversion explain says\n%s", got)
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	lock, err := Acquire(dir, "crawl")
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := Acquire(dir, "match"); !errors.As(err, &locked) || !strings.Contains(err.Error(), "pairloom crawl, since") {
		t.Errorf("a second lock: %v", err)
	}
	lock.Release()
	acquired(t, dir)
}

// TestUnfinishedInputNamesItsCommand asks each stage to run in an empty folder.
func TestUnfinishedInputNamesItsCommand(t *testing.T) {
	for stage, want := range map[string]string{
		MatchName: "run pairloom crawl first", FetchName: "run pairloom match first", CurateName: "run pairloom match first",
		ShardName: "run pairloom fetch first", ReportName: "run pairloom crawl first", TrainName: "run pairloom shard first", EvalName: "run pairloom shard first",
	} {
		dir, o := t.TempDir(), testOptions()
		writeList(t, filepath.Join(dir, "list.zst"), "cat")
		road := Road(Work{Dir: dir, Options: *o})
		i := slices.IndexFunc(road, func(s Stage) bool { return s.Name == stage })
		var refused *ConfigurationError
		if _, err := road[i].Run(t.Context(), func(int64, int64) {}); !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", stage, err, want)
		}
	}
}
