package pipeline

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// threeGenerations is a world whose dataset has three generations.
func threeGenerations(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 6, HeldoutShare: 0.3}, seed: 3}
	for _, change := range []func(){
		func() {
			for range 20 {
				w.grow()
			}
		},
		func() {
			for range 10 {
				w.grow()
			}
			w.pairs[3].matched.License = "CC0"
		},
		func() { w.pairs = slices.Delete(w.pairs, 5, 9); w.pairs[9].reason = "query_cap" },
	} {
		change()
		w.write()
		if _, err := w.run(false); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// shardFaults are those that verify names in the shards.
func shardFaults(t testing.TB, w *world) (faults []Fault) {
	t.Helper()
	o := Options{Seed: w.seed, Shard: w.options, MemoryMiB: 16, Workers: 1}
	o.Match.Queries = "list.zst"
	v, err := Verify{Dir: w.dir, Options: o}.Run(t.Context(), func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Faults {
		if f.Path == shard.ShardsFolder || strings.HasPrefix(f.Path, shard.ShardsFolder+"/") {
			faults = append(faults, f)
		}
	}
	return faults
}

// rewritePart writes a part of the shards anew with other rows, and a manifest that fits.
func rewritePart[T shard.Record](t testing.TB, w *world, name string, change func(rows []T) []T) {
	t.Helper()
	folder := filepath.Join(w.dir, shard.ShardsFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]shard.Part{m.Parts, m.Deletions, m.Indexes} {
		i := slices.IndexFunc(list, func(p shard.Part) bool { return p.Name == name })
		if i < 0 {
			continue
		}
		var rows []T
		for row, err := range shard.Rows[T](folder, list[i:i+1]) {
			if err != nil {
				t.Fatal(err)
			}
			var own T
			if _, err := shard.ReadRow(shard.AppendRow(nil, row), &own); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, own)
		}
		out, err := shard.CreatePart[T](folder, name, shard.Origin{Stage: ShardName, Settings: m.Settings})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range change(rows) {
			if err := out.Write(&row); err != nil {
				t.Fatal(err)
			}
		}
		generation := list[i].Generation
		if list[i], err = out.Close(); err != nil {
			t.Fatal(err)
		}
		list[i].Generation = generation
	}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// remanifest writes another manifest.
func remanifest(t testing.TB, w *world, change func(m *shard.Manifest)) {
	t.Helper()
	folder := filepath.Join(w.dir, shard.ShardsFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyKnowsGenerations: each fault that no checksum tells is named, and the cure,
// to delete what it says and run the stage, heals it.
func TestVerifyKnowsGenerations(t *testing.T) {
	whole := threeGenerations(t)
	if faults := shardFaults(t, whole); len(faults) > 0 {
		t.Fatalf("a sound dataset: %v", faults)
	}
	for _, tt := range []struct {
		name   string
		damage func(w *world)
		path   string // under shards; "" for the folder
		want   string
	}{
		{"a row is deleted twice", func(w *world) {
			rewritePart(t, w, "_deleted-00003.arrow", func(rows []shard.Deletion) []shard.Deletion { rows[1] = rows[0]; return rows })
		}, "_deleted-00003.arrow", "is out of order, or deleted twice"},
		{"two generations delete a row", func(w *world) {
			var first shard.Deletion
			rewritePart(t, w, "_deleted-00002.arrow", func(rows []shard.Deletion) []shard.Deletion { first = rows[0]; return rows })
			rewritePart(t, w, "_deleted-00003.arrow", func(rows []shard.Deletion) []shard.Deletion {
				rows[0] = first
				slices.SortFunc(rows, func(a, b shard.Deletion) int {
					if c := strings.Compare(a.Part, b.Part); c != 0 {
						return c
					}
					return int(a.Row) - int(b.Row)
				})
				return rows
			})
		}, "_deleted-00003.arrow", "which generation 2 deleted already"},
		{"a row that is not there is deleted", func(w *world) {
			rewritePart(t, w, "_deleted-00003.arrow", func(rows []shard.Deletion) []shard.Deletion { rows[len(rows)-1].Row = 5000; return rows })
		}, "_deleted-00003.arrow", "it deletes row 5000 of "},
		{"a row of another pair is deleted", func(w *world) {
			rewritePart(t, w, "_deleted-00003.arrow", func(rows []shard.Deletion) []shard.Deletion { rows[0].PairID++; return rows })
		}, "_deleted-00003.arrow", "it deletes pair "},
		{"another reason", func(w *world) {
			rewritePart(t, w, "_deleted-00003.arrow", func(rows []shard.Deletion) []shard.Deletion { rows[0].Reason = "none"; return rows })
		}, "_MANIFEST.json", "but its deletion vector says"},
		{"a pair lives twice", func(w *world) {
			remanifest(t, w, func(m *shard.Manifest) {
				m.Tally.Kept += m.Deletions[0].Rows
				m.Tally.In += m.Deletions[0].Rows
				m.Deletions, m.Generations[1].Deleted, m.Generations[1].Reasons = m.Deletions[1:], 0, nil
			})
		}, "", "is there twice"},
		{"the index leads elsewhere", func(w *world) {
			rewritePart(t, w, "_index-00001.arrow", func(rows []shard.Place) []shard.Place { rows[2].Row++; return rows })
		}, "", "_index-00001.arrow and the shards of generation 1 do not fit: row 2 says"},
		{"the index has another digest", func(w *world) {
			rewritePart(t, w, "_index-00002.arrow", func(rows []shard.Place) []shard.Place { rows[0].Digest++; return rows })
		}, "", "_index-00002.arrow and the shards of generation 2 do not fit: row 0 says"},
		{"a row has other facts", func(w *world) {
			rewritePart(t, w, "shard-00000.arrow", func(rows []shard.Pair) []shard.Pair {
				for i := range rows {
					rows[i].License = "other"
				}
				return rows
			})
		}, "", "have other facts than selection was made from"},
		{"a held-out pair that training sees", func(w *world) {
			rewritePart(t, w, "shard-00000.arrow", func(rows []shard.Pair) []shard.Pair {
				for i := range rows {
					for !shard.HeldOutPicture(w.seed, w.options.HeldoutShare, rows[i].PictureHash) {
						rows[i].PictureHash++
					}
				}
				return rows
			})
		}, "shard-00000.arrow", "is held out, and training sees it"},
		{"a part of no generation", func(w *world) {
			remanifest(t, w, func(m *shard.Manifest) { m.Parts[0].Generation = 9 })
		}, "_MANIFEST.json", "is of generation 9, and there are 3"},
		{"rows that a generation did not add", func(w *world) {
			remanifest(t, w, func(m *shard.Manifest) { m.Generations[0].Added++ })
		}, "_MANIFEST.json", "it says that generation 1 added 21 rows, but its parts have 20"},
		{"a generation without its vector", func(w *world) {
			remanifest(t, w, func(m *shard.Manifest) { m.Deletions = m.Deletions[:1] })
		}, "_MANIFEST.json", "it says that generation 3 deleted 5 rows, and names a deletion vector of 0"},
		{"a generation without its index", func(w *world) {
			remanifest(t, w, func(m *shard.Manifest) { m.Indexes = m.Indexes[:1] })
		}, "_MANIFEST.json", "it says that generation 2 added 11 rows, and names an index of 0"},
		{"numbers of generations", func(w *world) {
			remanifest(t, w, func(m *shard.Manifest) { m.Generations[1].Number = 7 })
		}, "_MANIFEST.json", "its generation 2 has the number 7"},
		{"no index file", func(w *world) { remove(t, w.dir, "shards/_index-00001.arrow") }, "_index-00001.arrow", "it is missing"},
		{"no deletion vector", func(w *world) { remove(t, w.dir, "shards/_deleted-00003.arrow") }, "_deleted-00003.arrow", "it is missing"},
		{"no shard", func(w *world) { remove(t, w.dir, "shards/shard-00001.arrow") }, "shard-00001.arrow", "it is missing"},
		{"no splits", func(w *world) { remove(t, w.dir, "shards/.huggingface.yaml") }, ".huggingface.yaml", "it is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := copyWorld(t, whole)
			tt.damage(w)
			faults := shardFaults(t, w)
			at := slices.IndexFunc(faults, func(f Fault) bool {
				return strings.Contains(f.What, tt.want) && f.Path == strings.TrimSuffix(shard.ShardsFolder+"/"+tt.path, "/")
			})
			if at < 0 {
				t.Fatalf("verify names %v, want %q of %s", faults, tt.want, tt.path)
			}
			gone := ""
			if strings.HasPrefix(faults[at].Cure, "delete it and run pairloom shard") {
				gone = faults[at].Path
			} else if strings.HasPrefix(faults[at].Cure, "delete the folder shards and run pairloom shard") {
				gone = shard.ShardsFolder
			} else if !strings.HasPrefix(faults[at].Cure, "run pairloom shard") {
				t.Fatalf("this cure cannot be followed: %s", faults[at].Cure)
			}
			if gone != "" {
				if err := os.RemoveAll(filepath.Join(w.dir, gone)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.run(false); err != nil {
				t.Fatal(err)
			}
			if faults := shardFaults(t, w); len(faults) > 0 {
				t.Errorf("after the cure: %v", faults)
			}
		})
	}
}

func copyWorld(t testing.TB, of *world) *world {
	t.Helper()
	w := *of
	w.t, w.dir = t, t.TempDir()
	if err := os.CopyFS(w.dir, os.DirFS(of.dir)); err != nil {
		t.Fatal(err)
	}
	return &w
}

// TestEachBitOfShardsCounts flips bits and cuts files of the shards: verify names the
// file, each time.
func TestEachBitOfShardsCounts(t *testing.T) {
	flips, cuts := 150, 40
	switch {
	case os.Getenv("PAIRLOOM_LONG") != "":
		flips, cuts = 10_000, 1000
	case testing.Short():
		flips, cuts = 20, 10
	}
	w := threeGenerations(t)
	w.pairs[1].matched.CrawlTime++
	w.write()
	if _, err := w.run(false); err != nil { // nothing is new
		t.Fatal(err)
	}
	folder := filepath.Join(w.dir, shard.ShardsFolder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	names := slices.Sorted(maps.Keys(files))
	for _, want := range []string{"_checked.json", "_MANIFEST.json", "_index-00002.arrow", "_deleted-00003.arrow", ".huggingface.yaml"} {
		if !slices.Contains(names, want) {
			t.Fatalf("there is no %s among %v", want, names)
		}
	}
	r := rand.New(rand.NewPCG(1, 10))
	for n := range flips + cuts {
		name := names[r.IntN(len(names))]
		data := slices.Clone(files[name])
		at := r.IntN(len(data))
		what := fmt.Sprintf("cut to %d bytes", at)
		if n < flips {
			bit := byte(1) << r.IntN(8)
			data[at] ^= bit
			what = fmt.Sprintf("bit %08b of byte %d flipped", bit, at)
		} else {
			data = data[:at]
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		faults := shardFaults(t, w)
		if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Path == shard.ShardsFolder+"/"+name }) {
			t.Errorf("%s, %s: verify names %v", name, what, faults)
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if faults := shardFaults(t, w); len(faults) > 0 {
		t.Errorf("whole again: %v", faults)
	}
}
