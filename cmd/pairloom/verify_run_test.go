package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// copied is a copy of a dataset.
func copied(t *testing.T, whole string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// testTwoFaults damages two parts of a folder in unlike
// ways and follows one cure: the stage must not take the other part for sound.
func testTwoFaults(t *testing.T, whole string) {
	want := trainedHashes(t, whole)
	for _, folder := range []string{"images/part-0000", "shards/shard-0000"} {
		t.Run(folder, func(t *testing.T) {
			dir := copied(t, whole)
			flip(t, filepath.Join(dir, folder+"0.arrow"))
			remove(t, filepath.Join(dir, folder+"1.arrow"))
			v := verify(t, dir)
			if len(v.Faults) != 2 {
				t.Fatalf("faults: %v, want two", v.Faults)
			}
			follow(t, dir, v.Faults[1])
			// A stage may mend the other part too.
			if v = verify(t, dir); !v.OK {
				if len(v.Faults) != 1 || v.Faults[0].Path != folder+"0.arrow" {
					t.Fatalf("after the cure of one: %v, want the other named", v.Faults)
				}
				follow(t, dir, v.Faults[0])
			}
			if v = verify(t, dir); !v.OK {
				t.Errorf("after the cure of both: %v", v.Faults)
			}
			sameFiles(t, "after the cures", trainedHashes(t, dir), want)
		})
	}
}

// testLostCheckpoints wants the whole road to see that a finished training has
// lost its end, and to train it again to the same bytes.
func testLostCheckpoints(t *testing.T, whole string) {
	steps, err := filepath.Glob(filepath.Join(whole, "checkpoints", "step-*"))
	if err != nil || len(steps) < 2 {
		t.Fatalf("checkpoints: %v, %v; want two", steps, err)
	}
	want := trainedHashes(t, whole)
	for name, gone := range map[string]string{"all": "step-*", "the newest": filepath.Base(steps[len(steps)-1])} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, whole)
			removeAll(t, filepath.Join(dir, "checkpoints", gone))
			if v := verify(t, dir); len(v.Faults) != 1 || v.Faults[0].Path != "checkpoints" {
				t.Fatalf("faults: %v, want one, of checkpoints", v.Faults)
			}
			here(t, dir, "run")
			if v := verify(t, dir); !v.OK {
				t.Errorf("after a run: %v", v.Faults)
			}
			sameFiles(t, "after a run", trainedHashes(t, dir), want)
		})
	}
}

// bySettings writes a folder's manifest as if other settings had made it.
func bySettings(t *testing.T, folder, settings string) {
	t.Helper()
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	m.Settings = settings
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// testNoFaults changes a dataset in ways that are not damage.
func testNoFaults(t *testing.T, whole string) {
	for _, tt := range []struct {
		name          string
		change        func(t *testing.T, dir string)
		folder, state string
		note          string
	}{
		{"nothing", func(*testing.T, string) {}, "images", "sound", ""},
		{"no folder", func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "report")); err != nil {
				t.Fatal(err)
			}
		}, "report", "not there", ""},
		{"no manifest", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "images", "_MANIFEST.json")) },
			"images", "not finished", "run pairloom fetch, which finishes it"},
		{"other candidates", func(t *testing.T, dir string) {
			bySettings(t, filepath.Join(dir, "candidates/crawl"), "0000")
		}, "matched", "sound", "it was made from other input: run pairloom match"},
		{"other shards", func(t *testing.T, dir string) {
			rewritten(func(r []shard.Pair) []shard.Pair { r[0].Source = "elsewhere"; return r })(t, filepath.Join(dir, "shards/shard-00000.arrow"))
		}, "embeddings", "sound", "pictures/shard-00000.arrow is stale: shard-00000.arrow has changed since; run pairloom embed pictures"},
		{"a part of a killed run", func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, "images/part-00000.arrow"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "images/part-00099.arrow"), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "images", "sound", "part-00099.arrow is there, but the manifest does not name it"},
		{"a damaged query list", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "queries.match")) },
			"queries.match", "to be made again", "the next match makes it again"},
		{"an unfinished checkpoint", func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "checkpoints/step-00000099"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "checkpoints", "sound", "step-00000099 is not finished"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, whole)
			tt.change(t, dir)
			v := verify(t, dir)
			if !v.OK {
				t.Fatalf("faults: %v", v.Faults)
			}
			i := slices.IndexFunc(v.Folders, func(f pipeline.VerifiedFolder) bool { return f.Folder == tt.folder })
			if i < 0 || v.Folders[i].State != tt.state || !strings.Contains(strings.Join(v.Folders[i].Notes, "\n"), tt.note) {
				t.Errorf("%s: %+v, want %s and the note %q", tt.folder, v.Folders, tt.state, tt.note)
			}
			if tt.note == "" && i >= 0 && len(v.Folders[i].Notes) > 0 {
				t.Errorf("%s: notes %q, want none", tt.folder, v.Folders[i].Notes)
			}
		})
	}
}

// testWritesNothing holds names, sizes and times of all files.
func testWritesNothing(t *testing.T, whole string) {
	dir := copied(t, whole)
	remove(t, filepath.Join(dir, "pairloom.lock"))
	remove(t, filepath.Join(dir, "queries.match"))
	list := func() (files []string) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			files = append(files, path+" "+info.ModTime().String())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	before := list()
	verify(t, dir, "--pictures")
	if after := list(); !slices.Equal(after, before) {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// testBesideARun changes a manifest while its folder is read, once and each
// time.
func testBesideARun(t *testing.T, whole string) {
	for _, tt := range []struct {
		name    string
		changes int
		state   string
	}{
		{"once", 1, "sound"},
		{"again and again", 100, "changing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, whole)
			cfg, err := config.Load(filepath.Join(dir, config.FileName))
			if err != nil {
				t.Fatal(err)
			}
			cfg.Workers = 1
			changes := 0
			found, err := pipeline.Verify{Dir: dir, Options: *cfg}.Run(context.Background(), func(int64, int64) {
				if changes++; changes <= tt.changes {
					bySettings(t, filepath.Join(dir, "candidates/crawl"), strings.Repeat("0", changes))
				}
			})
			if err != nil || !found.Sound() {
				t.Fatalf("%v, faults: %v", err, found.Faults)
			}
			if f := found.Folders[1]; f.Folder != "candidates/crawl" || f.State != tt.state {
				t.Errorf("%+v, want the state %s", f, tt.state)
			}
		})
	}
}

// testInterrupted holds that no result is given of half the work.
func testInterrupted(t *testing.T, whole string) {
	dir := copied(t, whole)
	cfg, err := config.Load(filepath.Join(dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	found, err := pipeline.Verify{Dir: dir, Options: *cfg, Pictures: true}.Run(ctx, func(int64, int64) { cancel(pipeline.ErrInterrupted) })
	if found != nil || exitCode(pipeline.Stopped(ctx, err)) != exitInterrupt {
		t.Errorf("%v, %v; want the cause", found, err)
	}
}

// testLines holds the lines, and that cron gets one.
func testLines(t *testing.T, whole string) {
	dir := copied(t, whole)
	flip(t, filepath.Join(dir, "shards/shard-00000.arrow"))
	remove(t, filepath.Join(dir, "report/index.html"))
	for flag, want := range map[string][]string{
		"--quiet": {"pairloom: verify read ", "2 faults; the first: shards/shard-00000.arrow: checksum of batch 0 differs from the manifest; delete it and run pairloom shard, which makes what is missing again\n"},
		"--quiet=false": {"folder ", "\nshards: its counts were not checked",
			"\nshards/shard-00000.arrow: checksum of batch 0 differs from the manifest; delete it and run pairloom shard, which makes what is missing again\n",
			"\nreport/index.html: it is missing; run pairloom report, which makes what is missing again\n"},
	} {
		var out, errs bytes.Buffer
		code := run([]string{"verify", "-C", dir, flag}, &out, &errs)
		if code != exitStorage || !strings.Contains(errs.String(), "pairloom: verify: 2 faults") {
			t.Errorf("%s: exit %d, %s", flag, code, errs.String())
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s prints\n%s\nwithout %q", flag, out.String(), w)
			}
		}
		if flag == "--quiet" && strings.Count(out.String(), "\n") != 1 {
			t.Errorf("--quiet prints more than a line:\n%s", out.String())
		}
	}
}

// testFrontier damages crawl.db: verify and the commands that read it end alike.
func testFrontier(t *testing.T, whole string) {
	for _, tt := range []struct {
		name, what string
		damage     func(t *testing.T, path string)
		commands   [][]string
	}{
		{"no database", "file is not a database", edit(func(b []byte) []byte { copy(b, "no database"); return b }),
			[][]string{{"status"}, {"crawl"}, {"run"}, {"explain", "http://127.0.0.1:1/"}}},
		{"a page of zeros", "", edit(func(b []byte) []byte { clear(b[4096:8192]); return b }), nil},
		{"cut short", "", edit(func(b []byte) []byte { return b[:len(b)/2] }), nil},
		{"a table that is no more", "malformed database schema", edit(func(b []byte) []byte {
			return bytes.Replace(b, []byte("CREATE TABLE pages "), []byte("CREATE TABLE pagez "), 1)
		}), nil},
		{"empty", "it is empty", edit(func([]byte) []byte { return nil }), [][]string{{"status"}, {"run"}, {"explain", "http://127.0.0.1:1/"}}},
		{"a folder", "it is a folder", func(t *testing.T, path string) {
			remove(t, path)
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, [][]string{{"status"}, {"crawl"}, {"run"}, {"explain", "http://127.0.0.1:1/"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, whole)
			path := filepath.Join(dir, "crawl.db")
			tt.damage(t, path)
			v := verify(t, dir)
			if len(v.Faults) != 1 || v.Faults[0].Path != "crawl.db" || !strings.Contains(v.Faults[0].What, tt.what) ||
				v.Faults[0].Cure != "move it away and run pairloom crawl, which reads the pages again" {
				t.Fatalf("faults: %v, want one, of crawl.db, with %q and its cure", v.Faults, tt.what)
			}
			for _, command := range tt.commands {
				var out, errs bytes.Buffer
				if code := run(append(command, "-C", dir, "--quiet"), &out, &errs); code != exitStorage || !strings.Contains(errs.String(), "; "+v.Faults[0].Cure) {
					t.Errorf("%v: exit %d, want %d and the cure:\n%s%s", command, code, exitStorage, out.String(), errs.String())
				}
			}
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			here(t, dir, "crawl")
			if v := verify(t, dir); !v.OK {
				t.Errorf("after the cure: %v", v.Faults)
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		dir := copied(t, whole)
		remove(t, filepath.Join(dir, "crawl.db"))
		if v := verify(t, dir); !v.OK || v.Folders[0].Folder != "crawl.db" || v.Folders[0].State != pipeline.FolderAbsent {
			t.Errorf("%v, faults %v; want a line for crawl.db, and no fault", v.Folders, v.Faults)
		}
	})
}

// testGaps holds what the one line says of a road that is not whole.
func testGaps(t *testing.T, whole string) {
	for _, tt := range []struct {
		name string
		gone []string
		want string
		code int
	}{
		{"nothing", nil, " folders are sound\n", exitDone},
		{"no manifest", []string{"shards/_MANIFEST.json"}, " folders are sound; not finished: shards\n", exitDone},
		{"no folder", []string{"images", "report"}, " folders are sound; not there: images, report\n", exitDone},
		{"no folder at the end", []string{"evaluation", "embeddings"}, " folders are sound\n", exitDone},
		{"both", []string{"matched", "selection/_MANIFEST.json"}, " folders are sound; not finished: selection; not there: matched\n", exitDone},
		{"beside a fault", []string{"matched/_MANIFEST.json", "report/index.html"}, " 1 fault; not finished: matched; the first: report/index.html: ", exitStorage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, whole)
			for _, name := range tt.gone {
				removeAll(t, filepath.Join(dir, name))
			}
			var out, errs bytes.Buffer
			if code := run([]string{"verify", "-C", dir, "--quiet"}, &out, &errs); code != tt.code || !strings.Contains(out.String(), tt.want) || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("exit %d, want %d and one line with %q:\n%s%s", code, tt.code, tt.want, out.String(), errs.String())
			}
		})
	}
}
