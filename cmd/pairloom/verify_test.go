package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// everything is a folder of its own with all that a dataset can have.
func everything(t *testing.T) string {
	t.Helper()
	t.Setenv(asProgram, "1") // for the children of what runs in this process
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir := finished(t)
	here(t, dir, "embed", "pictures")
	return dir
}

// here runs a command of the program in this process.
func here(t *testing.T, dir string, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(append(args, "-C", dir, "--quiet"), &out, &errs); code != 0 {
		t.Fatalf("pairloom %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
}

type verifiedJSON struct {
	pipeline.Verified
	OK bool `json:"ok"`
}

// verify is what pairloom verify finds, whose exit code must fit.
func verify(t *testing.T, dir string, args ...string) verifiedJSON {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(append([]string{"verify", "-C", dir, "--json"}, args...), &out, &errs)
	var v verifiedJSON
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatalf("verify: exit %d: %v\n%s%s", code, err, out.String(), errs.String())
	}
	if want := map[bool]int{true: exitDone, false: exitStorage}[v.OK]; code != want || v.OK != (len(v.Faults) == 0) {
		t.Fatalf("verify: exit %d, ok %v, %d faults\n%s", code, v.OK, len(v.Faults), errs.String())
	}
	return v
}

var cures = regexp.MustCompile(`^(?:delete (it|the folder (\S+)) and )?(?:run pairloom ([a-z ]+?)(?:, which .*)?|use the last checkpoint, or .*)$`)

// follow does what a cure says.
func follow(t *testing.T, dir string, f pipeline.Fault) {
	t.Helper()
	words := cures.FindStringSubmatch(f.Cure)
	if words == nil {
		t.Fatalf("%s: this cure cannot be followed", f)
	}
	remove := words[2]
	if words[1] == "it" {
		remove = f.Path
	}
	if remove != "" {
		if err := os.RemoveAll(filepath.Join(dir, remove)); err != nil {
			t.Fatal(err)
		}
	}
	if words[3] != "" {
		here(t, dir, strings.Fields(words[3])...)
	}
}

// Damages. Each takes the path of the file.

func edit(change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	flip    = edit(func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	cut     = edit(func(b []byte) []byte { return b[:len(b)/2] })
	flipEnd = edit(func(b []byte) []byte { b[len(b)-20] ^= 1; return b })
)

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// removeAll removes all folders that the pattern fits.
func removeAll(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, and nothing to remove", pattern, err)
	}
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

// renamed gives a checkpoint's folder the name of another step.
func renamed(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, filepath.Join(filepath.Dir(path), "step-99999999")); err != nil {
		t.Fatal(err)
	}
}

// swap exchanges the file and the part after it.
func swap(t *testing.T, path string) {
	t.Helper()
	other := strings.Replace(path, "00000", "00001", 1)
	for _, names := range [][2]string{{path, path + ".x"}, {other, path}, {path + ".x", other}} {
		if err := os.Rename(names[0], names[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// replaced changes the first text that matches, by a function of its groups.
func replaced(pattern string, by string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		re, done := regexp.MustCompile(pattern), false
		edit(func(b []byte) []byte {
			return re.ReplaceAllFunc(b, func(m []byte) []byte {
				if done {
					return m
				}
				done = true
				return re.ReplaceAll(m, []byte(by))
			})
		})(t, path)
		if !done {
			t.Fatalf("%s has nothing like %s", path, pattern)
		}
	}
}

// rewritten writes the part anew with other rows, and a manifest that fits it: a
// fault that no checksum tells.
func rewritten[T shard.Record](change func(rows []T) []T) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		folder, name := filepath.Split(path)
		m, err := shard.ReadManifest(folder)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(m.Parts, func(p shard.Part) bool { return p.Name == name })
		r, err := shard.OpenPart[T](folder, m.Parts[i])
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		rows := make([]T, r.Len())
		for k := range rows {
			if err := r.Read(k, &rows[k]); err != nil {
				t.Fatal(err)
			}
		}
		w, err := shard.CreatePart[T](folder, name, r.Origin())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range change(rows) {
			if err := w.Write(&row); err != nil {
				t.Fatal(err)
			}
		}
		generation := m.Parts[i].Generation
		if m.Parts[i], err = w.Close(); err != nil {
			t.Fatal(err)
		}
		m.Parts[i].Generation = generation
		if err := shard.WriteManifest(folder, m); err != nil {
			t.Fatal(err)
		}
	}
}

// smaller is a JPEG that decodes and has another size than any of the site's.
func smaller(t *testing.T) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 5)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestVerify makes one finished dataset, of which each test damages copies.
func TestVerify(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	whole := everything(t)
	for _, tt := range []struct {
		name string
		test func(t *testing.T, whole string)
	}{
		{"names each fault and its cure heals", testCures},
		{"a run trains what is gone", testLostCheckpoints},
		{"cures do not hide one another", testTwoFaults},
		{"tells what is no fault", testNoFaults},
		{"writes nothing", testWritesNothing},
		{"beside a run", testBesideARun},
		{"ends when interrupted", testInterrupted},
		{"says it to people", testLines},
		{"knows the frontier", testFrontier},
		{"says in one line what is not whole", testGaps},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, whole) })
	}
}

// testCures damages a copy of a finished dataset, wants the fault named and
// nothing else, does what the cure says, and wants the bytes from before.
func testCures(t *testing.T, whole string) {
	if testing.Short() {
		t.Skip("hundreds of commands; those of the other groups read in parallel too")
	}
	if v := verify(t, whole, "--pictures"); !v.OK || len(v.Folders) < 10 {
		t.Fatalf("a finished dataset: %d folders, %v", len(v.Folders), v.Faults)
	}
	want := trainedHashes(t, whole)
	steps, _ := filepath.Glob(filepath.Join(whole, "checkpoints", "step-*"))
	best, _ := filepath.Glob(filepath.Join(whole, "checkpoints", "best-*"))
	if len(steps) < 2 || len(best) != 1 {
		t.Fatalf("checkpoints: %d steps and %d best; want two and one", len(steps), len(best))
	}
	newest, older, good := "checkpoints/"+filepath.Base(steps[len(steps)-1])+"/", "checkpoints/"+filepath.Base(steps[0])+"/", "checkpoints/"+filepath.Base(best[0])+"/"

	small := smaller(t)
	type damage = func(*testing.T, string)
	type verifyCase struct {
		name, path string
		damage     damage
		what       string // of the first fault
		faults     []string
		fresh      bool // what heals it does not give the bytes from before
	}
	// faults are the paths that are named; nil for the damaged one.
	cases := []verifyCase{
		{"a stage's manifest in another's place", "selection/_MANIFEST.json", replaced(`"stage": "curate"`, `"stage": "match"`), "it is that of the stage match, not curate", nil, false},
		{"candidates out", "candidates/crawl/_MANIFEST.json", replaced(`"out": (\d+)`, `"out": 1$1`), "its tally says 1", nil, false},
		{"candidates in", "matched/_MANIFEST.json", replaced(`"in": (\d+),\s+"kept": (\d+),\s+"dropped": \{`, `"in": 10000$1, "kept": $2, "dropped": {"none": 1000000,`), "candidates in, but there are", nil, false},
		{"pairs matched", "matched/_MANIFEST.json", replaced(`"kept": (\d+)`, `"kept": 1$1`), "its tally has", []string{"matched/_MANIFEST.json", "matched/_MANIFEST.json"}, false},
		{"one picture more", "images/_MANIFEST.json", replaced(`"in": (\d+),\s+"kept": (\d+)`, `"in": 1$1, "kept": 1$2`), "its tally", []string{"images/_MANIFEST.json", "images/_MANIFEST.json", "images/_MANIFEST.json"}, false},
		{"a reason that was not", "selection/_MANIFEST.json", replaced(`"dropped": \{\s+"([a-z_]+)"`, `"dropped": {"x$1"`), "pairs dropped for ", []string{"selection/_MANIFEST.json", "selection/_MANIFEST.json"}, false},
		{"rows out of order", "matched/part-00000.arrow", rewritten(func(r []shard.Matched) []shard.Matched { slices.Reverse(r); return r }), "is out of order", nil, false},
		{"a matched pair that is gone", "matched/part-00000.arrow", rewritten(func(r []shard.Matched) []shard.Matched { return r[1:] }), "pairs kept, but the parts have", []string{"matched/_MANIFEST.json"}, false},
		{"no picture in its row", "images/part-00000.arrow", rewritten(func(r []shard.Image) []shard.Image {
			i := slices.IndexFunc(r, func(i shard.Image) bool { return i.Status == "" })
			r[i].Bytes = nil
			return r
		}), "no picture is stored of http", nil, false},
		{"a picture that is gone", "images/part-00001.arrow", rewritten(func(r []shard.Image) []shard.Image { return r[1:] }), "pictures of matched have no outcome, such as http", []string{"images"}, true}, // it comes into a part of its own
		{"a picture that does not decode", "images/part-00001.arrow", rewritten(func(r []shard.Image) []shard.Image {
			i := slices.IndexFunc(r, func(i shard.Image) bool { return i.Status == "" })
			r[i].Bytes = slices.Clone(r[i].Bytes[:len(r[i].Bytes)/2])
			return r
		}), "its picture does not decode", nil, false},
		{"a picture that does not decode beside a damaged part", "images/part-00001.arrow", func(t *testing.T, path string) {
			rewritten(func(r []shard.Image) []shard.Image {
				i := slices.IndexFunc(r, func(i shard.Image) bool { return i.Status == "" })
				r[i].Bytes = slices.Clone(r[i].Bytes[:len(r[i].Bytes)/2])
				return r
			})(t, path)
			flip(t, strings.Replace(path, "00001", "00000", 1))
		}, "its picture does not decode", []string{"images/part-00000.arrow", "images/part-00001.arrow"}, false},
		{"a picture of another size", "shards/shard-00000.arrow", rewritten(func(r []shard.Pair) []shard.Pair { r[7].Image = small; return r }), "row 7: pair ", nil, false},
		{"a pair without picture", "shards/shard-00000.arrow", rewritten(func(r []shard.Pair) []shard.Pair { r[3].Image = nil; return r }), "has no picture", nil, false},
		{"a place without its picture", "selection/part-00000.arrow", rewritten(func(r []shard.Selection) []shard.Selection {
			i := slices.IndexFunc(r, func(s shard.Selection) bool { return s.Reason == "" })
			r[i].ImageRow += 1000
			return r
		}), "its picture is said to lie in row 10", nil, false},
		{"a decision on another pair", "selection/part-00000.arrow", rewritten(func(r []shard.Selection) []shard.Selection {
			i := slices.IndexFunc(r, func(s shard.Selection) bool { return s.Reason == "" })
			r[i].PairID++
			return r
		}), "it decides on pair", nil, false},
		{"a pair twice", "shards/shard-00000.arrow", rewritten(func(r []shard.Pair) []shard.Pair { r[1] = r[0]; return r }), "1 pairs that selection keeps are not there, such as", []string{"shards", "shards"}, false},
		{"a held-out pair in training", "shards/shard-00000.arrow", func(t *testing.T, path string) {
			var held shard.Pair
			rewritten(func(r []shard.Pair) []shard.Pair {
				// Into memory of its own: the part's is gone when it is closed.
				if _, err := shard.ReadRow(shard.AppendRow(nil, &r[0]), &held); err != nil {
					t.Fatal(err)
				}
				return r
			})(t, strings.Replace(path, "shard-", "heldout-", 1))
			rewritten(func(r []shard.Pair) []shard.Pair { r[0] = held; return r })(t, path)
		}, "", []string{"shards", "shards", "shards/shard-00000.arrow"}, false},
		{"the report's page", "report/index.html", cut, "its checksum differs", nil, false},
		{"no report's page", "report/index.html", remove, "it is missing", nil, false},
		{"the report's figures", "report/stats.json", flip, "its checksum differs", nil, false},
		{"the evaluation", "evaluation/eval.json", flip, "its checksum differs", nil, false},
		{"counts of queries", "selection/queries.csv", cut, "its checksum differs", nil, false},
		{"weights to go on from", newest + "model.safetensors", flip, "its checksum is", nil, false},
		{"moments of an older checkpoint", older + "optimizer.safetensors", cut, "bytes, but state.json says", nil, false},
		{"a vocabulary", newest + "vocabulary.txt", remove, "no such file", nil, false},
		{"a checkpoint's state", newest + "state.json", cut, "unexpected end of JSON input", nil, false},
		{"the best weights", good + "model.safetensors", flip, "its checksum is", nil, true},
		{"the last checkpoint is gone", newest, removeAll, "its last checkpoint is gone", []string{"checkpoints"}, false},
		{"all checkpoints are gone", "checkpoints/step-*", removeAll, "no checkpoint is there", []string{"checkpoints"}, false},
		{"a checkpoint under another step's name", newest, renamed, "which the folder's name is not", []string{"checkpoints/step-99999999/state.json"}, false},
		{"vectors cut short", "embeddings/pictures/shard-00000.arrow", cut, "its end is missing", nil, false},
		{"vectors of another part", "embeddings/pictures/shard-00000.arrow", swap, "it holds vectors of the pictures of shard-00001.arrow", []string{"embeddings/pictures/shard-00000.arrow", "embeddings/pictures/shard-00001.arrow"}, false},
	}
	for _, folder := range []string{"candidates/crawl", "matched", "images", "selection", "shards"} {
		part := folder + "/part-00000.arrow"
		first := part // of the manifest
		if folder == "shards" {
			part, first = "shards/shard-00000.arrow", "shards/heldout-00000.arrow"
		}
		manifest, other := folder+"/_MANIFEST.json", strings.Replace(part, "00000", "00001", 1)
		cases = append(cases, []verifyCase{
			{folder + ": a bit", part, flip, "checksum of batch 0 differs from the manifest", nil, false},
			{folder + ": a bit of the end", part, flipEnd, "", nil, false},
			{folder + ": cut short", part, cut, "bytes, but the manifest says", nil, false},
			{folder + ": deleted", part, remove, "it is missing", nil, false},
			{folder + ": swapped", part, swap, "", []string{part, other}, false},
			{folder + ": a manifest that is none", manifest, cut, "unexpected EOF", nil, false},
			{folder + ": rows of a part", manifest, replaced(`"rows": (\d+)`, `"rows": 1$1`), "it says that ", nil, false},
			{folder + ": bytes of a part", manifest, replaced(`"bytes": (\d+)`, `"bytes": 1$1`), "it says that ", nil, false},
			{folder + ": sum of a part", manifest, replaced(`"xxh64": "(.)`, `"xxh64": "x`), "its checksum is", []string{first, manifest}, false},
			{folder + ": one kept more", manifest, replaced(`"kept": (\d+)`, `"kept": 1$1`), "its tally has", []string{manifest}, false},
		}...)
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, whole)
			tt.damage(t, filepath.Join(dir, tt.path))
			var args []string
			if strings.HasPrefix(tt.name, "a picture") {
				args = []string{"--pictures"}
			}
			v := verify(t, dir, args...)
			if tt.faults == nil {
				tt.faults = []string{tt.path}
			}
			var paths []string
			for _, f := range v.Faults {
				paths = append(paths, f.Path)
			}
			slices.Sort(paths)
			unique := slices.Compact(slices.Clone(paths))
			slices.Sort(tt.faults)
			if !slices.Equal(unique, slices.Compact(tt.faults)) {
				t.Fatalf("verify names %q, want %q: %v", paths, tt.faults, v.Faults)
			}
			if !slices.ContainsFunc(v.Faults, func(f pipeline.Fault) bool { return strings.Contains(f.What, tt.what) }) {
				t.Errorf("verify says %v, want %q", v.Faults, tt.what)
			}
			for !v.OK {
				before := len(v.Faults)
				follow(t, dir, v.Faults[0])
				if v = verify(t, dir, args...); len(v.Faults) >= before {
					t.Fatalf("the cure did not heal: %v", v.Faults)
				}
			}
			if !tt.fresh {
				sameFiles(t, "after the cure", trainedHashes(t, dir), want)
			}
		})
	}
}
