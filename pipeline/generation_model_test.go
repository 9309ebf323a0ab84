package pipeline

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// world is what match, fetch and curate know: the pairs there are, and which are kept.
type world struct {
	t       testing.TB
	dir     string
	options ShardOptions
	seed    int64
	pairs   []*worldPair
	next    int // number of the next pair
}

type worldPair struct {
	matched shard.Matched
	image   shard.Image
	reason  string // for which it is not kept
}

// pair is it as the shards have it.
func (p *worldPair) pair() shard.Pair {
	pair := pairOf(&p.matched)
	addPicture(&pair, &p.image)
	return pair
}

func (w *world) grow() {
	w.next++
	m := shard.Matched{QueryIDs: []uint32{uint32(w.next % 3)}}
	m.ImageURL, m.Text = fmt.Sprint("https://pictures.example/", w.next/2), fmt.Sprint("text ", w.next)
	m.PageURL, m.Source, m.CrawlTime = "https://page.example/", "live", int64(w.next)
	m.ImageID, m.PairID = shard.ImageID(m.ImageURL), shard.PairID(m.ImageURL, m.Text)
	w.pairs = append(w.pairs, &worldPair{matched: m, image: shard.Image{
		ImageID: m.ImageID, ImageURL: m.ImageURL, HTTPStatus: 200, Bytes: []byte(fmt.Sprint("jpeg ", w.next/2)), Format: "jpeg", Width: 5, Height: 6, Frames: 1,
		PictureHash: uint64(w.next/2+1) * 0x9e3779b97f4a7c15, PHash: uint64(w.next),
	}})
}

// write writes the three folders.
func (w *world) write() {
	slices.SortFunc(w.pairs, func(a, b *worldPair) int {
		return comparePlaces(a.matched.ImageID, a.matched.PairID, b.matched.ImageID, b.matched.PairID)
	})
	var matched []shard.Matched
	var selection []shard.Selection
	var images []shard.Image
	for i, p := range w.pairs {
		s := shard.Selection{PairID: p.matched.PairID, Reason: p.reason, QueryIDs: p.matched.QueryIDs, ImagePart: uint32(i / 7), ImageRow: uint32(i % 7)}
		if p.reason == "" {
			pair := p.pair()
			s.PictureHash = pair.PictureHash
			s.Digest, _ = pair.Digest(nil)
		} else {
			s.Detail = "of the world"
		}
		matched, selection, images = append(matched, p.matched), append(selection, s), append(images, p.image)
	}
	writeFolder(w.t, w.dir, shard.MatchedFolder, matched, 5)
	writeFolder(w.t, w.dir, shard.SelectionFolder, selection, 5)
	writeFolder(w.t, w.dir, shard.ImagesFolder, images, 7)
}

func (w *world) stage(compact bool) Shard {
	o := w.options
	o.Compact = compact
	return Shard{Dir: w.dir, Options: o, Seed: w.seed, Memory: 1 << 20}
}

// run is the shard stage.
func (w *world) run(compact bool) (*Outcome, error) {
	return w.stage(compact).Run(w.t.Context(), func(int64, int64) {})
}

// listed is a pair of the plain list.
type listed struct {
	pair       shard.Pair
	heldOut    bool
	generation int // that brought it
	gone       int // generation that took it; 0 while it is there
}

// plainList is the dataset as a list: in order of generation, side, and shuffle.
type plainList struct {
	pairs      []listed
	generation int
	hashes     []string // of the dataset after each generation
}

// bring takes the list to what the world keeps, as the stage should.
func (l *plainList) bring(w *world, anew bool) {
	if anew {
		*l = plainList{}
	}
	kept := map[uint64]shard.Pair{}
	for _, p := range w.pairs {
		if p.reason == "" {
			kept[p.matched.PairID] = p.pair()
		}
	}
	g, changed := l.generation+1, l.generation == 0
	for i := range l.pairs {
		p := &l.pairs[i]
		if p.gone != 0 {
			continue
		}
		now, there := kept[p.pair.PairID]
		if there && sameRow(now, p.pair) {
			delete(kept, p.pair.PairID)
			continue
		}
		p.gone, changed = g, true
	}
	var added []listed
	for _, p := range kept {
		added = append(added, listed{p, shard.HeldOutPicture(w.seed, w.options.HeldoutShare, p.PictureHash), g, 0})
	}
	slices.SortFunc(added, func(a, b listed) int {
		if a.heldOut != b.heldOut {
			return map[bool]int{true: -1, false: 1}[a.heldOut]
		}
		return bytes.Compare(appendShuffleKey(nil, uint64(w.seed), a.pair.PairID), appendShuffleKey(nil, uint64(w.seed), b.pair.PairID))
	})
	if l.pairs = append(l.pairs, added...); changed || len(added) > 0 {
		l.generation = g
	}
}

// sameRow tells whether nothing differs but where and when the pair was found.
func sameRow(a, b shard.Pair) bool {
	a.Source, a.CrawlTime, b.Source, b.CrawlTime = "", 0, "", 0
	return reflect.DeepEqual(a, b)
}

// holds fails the test where the dataset does not read like the list.
func (l *plainList) holds(t testing.TB, dir string) {
	t.Helper()
	d, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	if d.Generation() != max(1, l.generation) {
		t.Fatalf("generation %d, want %d", d.Generation(), l.generation)
	}
	for len(l.hashes) < d.Generation() {
		l.hashes = append(l.hashes, d.Hash())
	}
	for _, side := range []string{"", shard.HeldOut, shard.Training} {
		var want []shard.Pair
		for _, p := range l.pairs {
			if p.gone == 0 && (side == "" || p.heldOut == (side == shard.HeldOut)) {
				want = append(want, p.pair)
			}
		}
		var got []shard.Pair
		for row, err := range d.Rows(side) {
			if err != nil {
				t.Fatal(err)
			}
			var own shard.Pair
			if _, err := shard.ReadRow(shard.AppendRow(nil, &row.Pair), &own); err != nil {
				t.Fatal(err)
			}
			got = append(got, own)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q reads %d pairs, want %d, or others", side, len(got), len(want))
		}
	}
	for g := 1; g <= d.Generation(); g++ {
		at := d.At(g)
		if at.Hash() != l.hashes[g-1] {
			t.Errorf("generation %d has another hash than it had then", g)
		}
		v, err := at.Open("")
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, p := range l.pairs {
			if p.generation > g || p.gone != 0 && p.gone <= g {
				continue
			}
			if i == v.Len() {
				t.Fatalf("the view of generation %d ends after %d pairs", g, i)
			}
			got, err := v.Pair(i)
			if err != nil || !reflect.DeepEqual(got, p.pair) || v.Gone(i) != (p.gone != 0) {
				t.Fatalf("pair %d of generation %d: %v; it is %s, gone %v; want %s, gone %v", i, g, err, got.Text, v.Gone(i), p.pair.Text, p.gone != 0)
			}
			i++
		}
		if i != v.Len() {
			t.Fatalf("the view of generation %d has %d pairs, want %d", g, v.Len(), i)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDatasetIsAPlainListWhateverHappens takes datasets through random sequences of what
// befalls them, kills among them; after each step they read like a list that is kept
// beside them: rows, views, and views of earlier generations.
func TestDatasetIsAPlainListWhateverHappens(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	sequences := 15
	switch {
	case os.Getenv("PAIRLOOM_LONG") != "":
		sequences = 1000
	case testing.Short():
		sequences = 4
	}
	kills := 0
	for n := range sequences {
		kills += sequence(t, uint64(n))
		if t.Failed() {
			t.Fatalf("sequence %d", n)
		}
	}
	if kills < sequences/2 {
		t.Errorf("%d kills in %d sequences", kills, sequences)
	}
	t.Logf("%d sequences, %d kills", sequences, kills)
}

func sequence(t *testing.T, number uint64) (kills int) {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r := rand.New(rand.NewPCG(number, 15))
	w := &world{t: t, dir: dir, options: ShardOptions{Pairs: 1 + r.IntN(6), HeldoutShare: 0.3}, seed: int64(number)}
	list := &plainList{}
	for range 1 + r.IntN(12) {
		w.grow()
	}
	// do does the work, killed on its way or not, and again after a kill.
	do := func(work func() error) {
		if r.IntN(2) == 0 && killedAt(t, 1+r.IntN(14), work) {
			kills++
		}
		if err := work(); err != nil {
			t.Fatal(err)
		}
	}
	compact := false
	for range 3 + r.IntN(6) {
		w.write()
		do(func() error { _, err := w.run(compact); return err })
		// That of which nothing is left is written anew.
		anew := compact && (list.changes(w) || list.generation > 1) || w.none() && len(list.pairs) > 0
		list.bring(w, anew)
		list.holds(t, dir)
		compact = false
		for range 1 + r.IntN(2) {
			switch pick := func() *worldPair { return w.pairs[r.IntN(len(w.pairs))] }; r.IntN(7) {
			case 0: // nothing
			case 1: // grow
				for range 1 + r.IntN(8) {
					w.grow()
				}
			case 2: // change
				p := pick()
				p.matched.License += "x"
			case 3: // another picture, which may lie on the other side
				p := pick()
				p.image.PictureHash++
				p.image.Bytes = fmt.Append(nil, p.image.PictureHash)
			case 4: // withdraw, or lose its place
				if i := r.IntN(len(w.pairs)); len(w.pairs) > 1 && r.IntN(2) == 0 {
					w.pairs = slices.Delete(w.pairs, i, i+1)
				} else {
					w.pairs[i].reason = "query_cap"
				}
			case 5: // remove
				p := pick()
				refused := p.matched.PairID
				there := slices.ContainsFunc(list.pairs, func(l listed) bool { return l.gone == 0 && l.pair.PairID == refused })
				do(func() error {
					_, err := DeleteRows(dir, func(row *shard.Row) (string, string) {
						if row.PairID == refused {
							return "removed", "asked to"
						}
						return "", ""
					})
					return err
				})
				p.reason = "refused"
				if there {
					list.generation++
					for i := range list.pairs {
						if l := &list.pairs[i]; l.gone == 0 && l.pair.PairID == refused {
							l.gone = list.generation
						}
					}
				}
				list.holds(t, dir)
			case 6:
				compact = true
			}
		}
		w.pairs[r.IntN(len(w.pairs))].matched.CrawlTime++ // which changes no row
	}
	return kills
}

// none tells whether the world keeps no pair.
func (w *world) none() bool {
	return !slices.ContainsFunc(w.pairs, func(p *worldPair) bool { return p.reason == "" })
}

// changes tells whether the world keeps others than the list has.
func (l *plainList) changes(w *world) bool {
	now := *l
	now.pairs = slices.Clone(l.pairs)
	now.bring(w, false)
	return now.generation != l.generation
}

// TestCompactedIsAFreshBuild grows a dataset in steps, with losses, and compacts it: each
// file of its shards is that of a dataset made of the same pairs in one go.
func TestCompactedIsAFreshBuild(t *testing.T) {
	grown := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 4, HeldoutShare: 0.3}, seed: 1}
	for step := range 3 {
		for range 20 {
			grown.grow()
		}
		switch step {
		case 1:
			grown.pairs[3].matched.License = "CC0"
			grown.pairs = slices.Delete(grown.pairs, 5, 9)
		case 2:
			grown.pairs[11].reason = "query_cap"
		}
		grown.write()
		out, err := grown.run(false)
		if err != nil {
			t.Fatal(err)
		}
		if g := out.Result.(Sharded).Generation; g != step+1 {
			t.Fatalf("step %d gives generation %d", step, g)
		}
	}
	out, err := grown.run(true)
	if err != nil {
		t.Fatal(err)
	}
	if r := out.Result.(Sharded); r.Generation != 1 || r.Anew == "" || r.Added != 55 {
		t.Errorf("compacting gives %+v", r)
	}
	fresh := &world{t: t, dir: t.TempDir(), options: grown.options, seed: grown.seed, pairs: slices.Clone(grown.pairs)}
	fresh.write()
	if _, err := fresh.run(false); err != nil {
		t.Fatal(err)
	}
	sameFolder(t, "compacted", filepath.Join(grown.dir, shard.ShardsFolder), filepath.Join(fresh.dir, shard.ShardsFolder))
	before := filesOf(t, grown.dir, shard.ShardsFolder)
	out, err = grown.run(true)
	if r := out.Result.(Sharded); err != nil || r.Added != 0 || r.Anew != "" || !reflect.DeepEqual(filesOf(t, grown.dir, shard.ShardsFolder), before) {
		t.Errorf("compacting once more gives %+v, %v, or writes", r, err)
	}
}

// TestNothingNewWritesNothing: the manifest stays, and with it what was made from the
// shards; the stage does not count as stale.
func TestNothingNewWritesNothing(t *testing.T) {
	w := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 4, HeldoutShare: 0.3}, seed: 1}
	for range 20 {
		w.grow()
	}
	w.write()
	if _, err := w.run(false); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, w.dir, shard.ShardsFolder)
	stale := func() string {
		s := w.stage(false).Stage()
		why, err := s.Stale()
		if err != nil {
			t.Fatal(err)
		}
		return why
	}
	for i, change := range []func(){
		func() { w.pairs[4].matched.CrawlTime++ },
		func() { w.pairs[5].matched.Source = "list" },
		func() { w.grow(); w.pairs[len(w.pairs)-1].reason = "query_cap" },
	} {
		change()
		w.write()
		if stale() == "" {
			t.Errorf("change %d: the stage need not run", i)
		}
		for range 2 {
			out, err := w.run(false)
			if err != nil || out.Tally.Kept != 20 {
				t.Fatalf("change %d: %v, %+v", i, err, out)
			}
			now := filesOf(t, w.dir, shard.ShardsFolder)
			if delete(now, "/"+shard.ShardsFolder+"/"+checkedName); !reflect.DeepEqual(now, before) {
				t.Errorf("change %d: something was written", i)
			}
			if why := stale(); why != "" {
				t.Errorf("change %d: the stage must run again: %s", i, why)
			}
		}
	}
}

// TestGenerationsKilledAtAnyMoment kills the stage at each moment of each of three runs,
// and of a compaction; after the next run every file is as if there had been no kill.
func TestGenerationsKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of runs, and no goroutine among them")
	}
	steps := []struct {
		name    string
		change  func(w *world)
		compact bool
	}{
		{"first", func(w *world) {}, false},
		{"more", func(w *world) {
			for range 9 {
				w.grow()
			}
		}, false},
		{"change and loss", func(w *world) {
			w.pairs[3].matched.License = "CC0"
			w.pairs = slices.Delete(w.pairs, 5, 9)
		}, false},
		{"nothing", func(w *world) { w.pairs[2].matched.CrawlTime++ }, false},
		{"compact", func(w *world) { w.pairs[2].matched.CrawlTime++ }, true},
	}
	before := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 6, HeldoutShare: 0.3}, seed: 2} // each step
	for range 14 {
		before.grow()
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			step.change(before)
			before.write()
			kept := t.TempDir()
			if err := os.CopyFS(kept, os.DirFS(before.dir)); err != nil {
				t.Fatal(err)
			}
			if _, err := before.run(step.compact); err != nil {
				t.Fatal(err)
			}
			moments := 0
			for n := 1; ; n++ {
				w := *before
				w.dir = t.TempDir()
				if err := os.CopyFS(w.dir, os.DirFS(kept)); err != nil {
					t.Fatal(err)
				}
				if !killedAt(t, n, func() error { _, err := w.run(step.compact); return err }) {
					break
				}
				moments++
				if _, err := w.run(step.compact); err != nil {
					t.Fatal(err)
				}
				sameFolder(t, fmt.Sprint("moment ", n), filepath.Join(w.dir, shard.ShardsFolder), filepath.Join(before.dir, shard.ShardsFolder))
			}
			if least := map[string]int{"nothing": 3}; moments < cmp.Or(least[step.name], 15) {
				t.Errorf("%d moments", moments)
			}
		})
	}
}

// TestKilledAndThenThereIsMore kills the run of a second generation at each moment. The
// world goes on before the next run, of which the killed one knew nothing: the dataset
// holds what the world keeps then, and is sound.
func TestKilledAndThenThereIsMore(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of runs, and no goroutine among them")
	}
	begin := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 6, HeldoutShare: 0.3}, seed: 4}
	for _, run := range []bool{true, false} {
		for range 14 {
			begin.grow()
		}
		begin.pairs = slices.Delete(begin.pairs, 3, 5)
		begin.write()
		if run {
			if _, err := begin.run(false); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := 1; ; n++ {
		w := copyWorld(t, begin)
		w.pairs = slices.Clone(begin.pairs)
		if !killedAt(t, n, func() error { _, err := w.run(false); return err }) {
			break
		}
		for range 3 {
			w.grow()
		}
		w.pairs = slices.Delete(w.pairs, 8, 10)
		w.write()
		if _, err := w.run(false); err != nil {
			t.Fatal(err)
		}
		var want, got []uint64
		for _, p := range w.pairs {
			want = append(want, p.matched.PairID)
		}
		got = liveIDs(t, w.dir)
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("moment %d: the dataset holds %d pairs, want %d, or others", n, len(got), len(want))
		}
		if faults := shardFaults(t, w); len(faults) > 0 {
			t.Errorf("moment %d: %v", n, faults)
		}
	}
}
