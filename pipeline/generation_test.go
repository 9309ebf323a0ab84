package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// errKilled is what a test's kill ends the work with.
var errKilled = errors.New("killed")

// killedAt does the work up to its n-th moment at which a kill matters, from 1, and tells
// whether it came so far.
func killedAt(t testing.TB, n int, do func() error) (killed bool) {
	t.Helper()
	atomicfile.Reached = func(string) {
		if n--; n == 0 {
			panic(errKilled)
		}
	}
	defer func() {
		atomicfile.Reached = nil
		if r := recover(); r == errKilled {
			killed = true
		} else if r != nil {
			panic(r)
		}
	}()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	return false
}

// sameFolder fails the test where two folders do not hold the same files.
func sameFolder(t *testing.T, what, got, want string) {
	t.Helper()
	a, b := filesOf(t, got, "."), filesOf(t, want, ".")
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if a[name] != b[name] {
			t.Errorf("%s: %s differs, or is not there", what, name)
		}
		delete(a, name)
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		t.Errorf("%s: %s is there too", what, name)
	}
}

// writeShards writes finished shards of rows pairs each, whose ids are numbered from 0 over all.
func writeShards(t testing.TB, dir string, shards map[string]int) {
	t.Helper()
	folder := filepath.Join(dir, shard.ShardsFolder)
	m := &shard.Manifest{Stage: ShardName, Settings: "by hand", Input: "by hand", Tally: shard.NewTally(ShardName, "pairs", "pairs")}
	for _, name := range slices.Sorted(maps.Keys(shards)) {
		w, err := shard.CreatePart[shard.Pair](folder, name, shard.Origin{Stage: ShardName})
		if err != nil {
			t.Fatal(err)
		}
		for range shards[name] {
			if err := w.Write(&shard.Pair{PairID: uint64(m.Tally.In), Text: fmt.Sprint("text ", m.Tally.In), Image: []byte("jpeg"), Width: 1, Height: 1}); err != nil {
				t.Fatal(err)
			}
			m.Tally.Keep()
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, part)
	}
	m.Tally.Out = m.Tally.Kept
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// liveIDs lists the ids of the pairs of the dataset, in order of the parts.
func liveIDs(t testing.TB, dir string) (ids []uint64) {
	t.Helper()
	d, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range d.Rows("", "pair_id") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.PairID)
	}
	return ids
}

func TestDeleteRows(t *testing.T) {
	shards := map[string]int{"heldout-00000.arrow": 2, "shard-00000.arrow": 300, "shard-00001.arrow": 5}
	remove := func(ids ...uint64) func(*shard.Row) (string, string) {
		return func(r *shard.Row) (string, string) {
			if slices.Contains(ids, r.PairID) && r.Text == fmt.Sprint("text ", r.PairID) && len(r.Image) == 0 {
				return "removed", "asked to"
			}
			return "", ""
		}
	}
	dir := t.TempDir()
	writeShards(t, dir, shards)
	before := filesOf(t, dir, ".")
	if n, err := DeleteRows(dir, remove(1000)); n != 0 || err != nil || !maps.Equal(filesOf(t, dir, "."), before) {
		t.Errorf("that picks none deletes %d, %v, and writes", n, err)
	}
	all := liveIDs(t, dir)
	for i, ids := range [][]uint64{{306, 0, 301, 5}, {5, 6, 302}} { // 5 is gone already
		n, err := DeleteRows(dir, remove(ids...))
		all = slices.DeleteFunc(all, func(id uint64) bool { return slices.Contains(ids, id) })
		if err != nil || n != []int{4, 2}[i] || !slices.Equal(liveIDs(t, dir), all) {
			t.Fatalf("deleting %v deletes %d, %v; the dataset holds %d pairs, want %d", ids, n, err, len(liveIDs(t, dir)), len(all))
		}
	}
	m, err := shard.ReadManifest(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Tally.Check(); err != nil || m.Tally.Kept != int64(len(all)) || m.Tally.Dropped["removed"] != 6 {
		t.Errorf("tally %+v, %v", m.Tally, err)
	}
	want := []shard.Generation{{Number: 1, Added: 307, Input: "by hand"},
		{Number: 2, Deleted: 4, Input: "by hand", Reasons: map[string]int64{"removed": 4}}, {Number: 3, Deleted: 2, Input: "by hand", Reasons: map[string]int64{"removed": 2}}}
	if fmt.Sprint(m.Generations) != fmt.Sprint(want) {
		t.Errorf("generations %v, want %v", m.Generations, want)
	}
	for name, sum := range before {
		if after := filesOf(t, dir, ".")[name]; after != sum && filepath.Base(name) != shard.ManifestName {
			t.Errorf("%s was rewritten", name)
		}
	}
}

// TestDeleteRowsKilledAtAnyMoment deletes again after each kill: the rows are as if it
// had come through at once.
func TestDeleteRowsKilledAtAnyMoment(t *testing.T) {
	look := func(r *shard.Row) (string, string) {
		if r.PairID%3 == 1 {
			return "removed", ""
		}
		return "", ""
	}
	shards := map[string]int{"heldout-00000.arrow": 4, "shard-00000.arrow": 30}
	whole := t.TempDir()
	writeShards(t, whole, shards)
	if _, err := DeleteRows(whole, look); err != nil {
		t.Fatal(err)
	}
	moments := 0
	for n := 1; ; n++ {
		dir := t.TempDir()
		writeShards(t, dir, shards)
		killed := killedAt(t, n, func() error { _, err := DeleteRows(dir, look); return err })
		if killed {
			if ids := liveIDs(t, dir); len(ids) != 34 && len(ids) != len(liveIDs(t, whole)) {
				t.Errorf("killed at moment %d the dataset holds %d pairs", n, len(ids))
			}
		}
		if _, err := DeleteRows(dir, look); err != nil {
			t.Fatal(err)
		}
		sameFolder(t, fmt.Sprint("moment ", n), dir, whole)
		if !killed {
			break
		}
		moments++
	}
	if moments < 5 {
		t.Errorf("there were %d moments", moments)
	}
}

// TestStatusTellsOfGenerations: compacting is advised where it is worth it.
func TestStatusTellsOfGenerations(t *testing.T) {
	for _, tt := range []struct {
		generations        int
		rows, deleted      int64
		wantRows           int64
		wantAdvice, advice string
	}{
		{0, 100, 0, 100, "", "an older version's"},
		{1, 100, 0, 100, "", "one generation"},
		{3, 100, 20, 80, "", "a fifth"},
		{3, 100, 21, 79, "more than a fifth of the rows", "more than a fifth"},
		{64, 100, 0, 100, "", "as many generations as may be"},
		{65, 100, 0, 100, "more than 64 generations", "many generations"},
	} {
		m := &shard.Manifest{Parts: []shard.Part{{Rows: tt.rows}}, Generations: make([]shard.Generation, tt.generations)}
		if tt.generations > 0 {
			m.Generations[tt.generations-1].Deleted = tt.deleted
		}
		s := State{Rows: tt.rows}
		s.generations(m)
		if s.Generations != max(1, tt.generations) || s.Deleted != tt.deleted || s.Rows != tt.wantRows || !strings.Contains(s.Compact, tt.wantAdvice) || (s.Compact == "") != (tt.wantAdvice == "") {
			t.Errorf("%s: %+v", tt.advice, s)
		}
	}
}

// TestDiskFullWhileGrowing: the error names the file that found no room, the dataset
// reads as before, and with more room the run ends as if nothing had been.
func TestDiskFullWhileGrowing(t *testing.T) {
	whole := threeGenerations(t)
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=8m"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("mounting a small tmpfs needs root")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	w := *whole
	w.dir = filepath.Join(mount, "dataset")
	if err := os.CopyFS(w.dir, os.DirFS(whole.dir)); err != nil {
		t.Fatal(err)
	}
	before := liveIDs(t, w.dir)
	for range 30 {
		w.grow()
	}
	w.pairs[0].image.Bytes = make([]byte, 1<<20)
	w.pairs[0].image.PictureHash++
	w.write()
	free := func(left int64) { // but for so many bytes the disk is filled
		t.Helper()
		var s syscall.Statfs_t
		if err := syscall.Statfs(mount, &s); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mount, "filler"), make([]byte, int64(s.Bavail)*s.Bsize-left), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free(256 << 10)
	_, err := w.run(false)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), filepath.Join(w.dir, "shards/_next/")) {
		t.Fatalf("on a full disk the run ends with %v", err)
	}
	if !slices.Equal(liveIDs(t, w.dir), before) {
		t.Error("on a full disk the dataset changed")
	}
	if err := os.Remove(filepath.Join(mount, "filler")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.run(false); err != nil {
		t.Fatal(err)
	}
	want := w
	want.dir = t.TempDir()
	if err := os.CopyFS(want.dir, os.DirFS(whole.dir)); err != nil {
		t.Fatal(err)
	}
	want.write()
	if _, err := want.run(false); err != nil {
		t.Fatal(err)
	}
	sameFolder(t, "after a full disk", filepath.Join(w.dir, shard.ShardsFolder), filepath.Join(want.dir, shard.ShardsFolder))
}

// TestShardsOfANewerPairloomAreLetBe: the stage names what to do and writes nothing.
func TestShardsOfANewerPairloomAreLetBe(t *testing.T) {
	w := threeGenerations(t)
	path := filepath.Join(w.dir, shard.ShardsFolder, shard.ManifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), `"format": 3`, `"format": 4`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, w.dir, ".")
	for _, compact := range []bool{false, true} {
		if _, err := w.run(compact); !errors.Is(err, shard.ErrNewer) || !strings.HasSuffix(err.Error(), "update pairloom") {
			t.Errorf("the run ends with %v", err)
		}
	}
	if _, err := DeleteRows(w.dir, func(*shard.Row) (string, string) { return "removed", "" }); !errors.Is(err, shard.ErrNewer) {
		t.Errorf("deleting ends with %v", err)
	}
	if !maps.Equal(filesOf(t, w.dir, "."), before) {
		t.Error("something was written")
	}
}

// TestWhatIsMissingIsMadeAgain: of shards of one generation those that are whole stay as
// they are; an index is made again for any.
func TestWhatIsMissingIsMadeAgain(t *testing.T) {
	one := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 6, HeldoutShare: 0.3}, seed: 3}
	for range 30 {
		one.grow()
	}
	one.write()
	if _, err := one.run(false); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		whole *world
		gone  string
		stay  string // a file that is not written again
	}{
		{"a shard", one, "shard-00001.arrow", "shard-00000.arrow"},
		{"a held-out shard", one, "heldout-00000.arrow", "shard-00000.arrow"},
		{"an index", one, "_index-00001.arrow", "shard-00000.arrow"},
		{"an index of three", threeGenerations(t), "_index-00002.arrow", "_MANIFEST.json"},
		{"the splits", threeGenerations(t), shard.SplitsName, "_MANIFEST.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := copyWorld(t, tt.whole)
			folder := filepath.Join(w.dir, shard.ShardsFolder)
			written := func() time.Time {
				info, err := os.Stat(filepath.Join(folder, tt.stay))
				if err != nil {
					t.Fatal(err)
				}
				return info.ModTime()
			}
			before := written()
			remove(t, folder, tt.gone)
			if _, err := w.run(false); err != nil {
				t.Fatal(err)
			}
			sameFolder(t, "made again", folder, filepath.Join(tt.whole.dir, shard.ShardsFolder))
			if !written().Equal(before) {
				t.Errorf("%s was written again", tt.stay)
			}
		})
	}
}

// TestWhyShardsAreWrittenAnew: the summary says what became of those that were there.
func TestWhyShardsAreWrittenAnew(t *testing.T) {
	whole := threeGenerations(t)
	manifest := filepath.Join(shard.ShardsFolder, shard.ManifestName)
	for _, tt := range []struct {
		name string
		harm func(dir string) error
		want string
	}{
		{"nothing is there", func(dir string) error { return os.RemoveAll(filepath.Join(dir, shard.ShardsFolder)) }, ""},
		{"the manifest is gone", func(dir string) error { return os.Remove(filepath.Join(dir, manifest)) }, manifest + " is gone"},
		{"the manifest is no JSON", func(dir string) error { return os.WriteFile(filepath.Join(dir, manifest), []byte("{"), 0o644) }, manifest + ": unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := copyWorld(t, whole)
			if err := tt.harm(w.dir); err != nil {
				t.Fatal(err)
			}
			out, err := w.run(false)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.Result.(Sharded); got.Generation != 1 || !strings.Contains(got.Anew, tt.want) || (got.Anew == "") != (tt.want == "") {
				t.Errorf("the result is %+v, want it to say %q", got, tt.want)
			}
		})
	}
}
