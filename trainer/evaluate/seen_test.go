package evaluate

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// addressOf is the address of picture i.
func addressOf(i int) string { return fmt.Sprintf("https://pictures.example/%d.jpg", i) }

// plainPair is pair i, whose hashes are far from those of others.
func plainPair(i int) shard.Pair {
	return shard.Pair{PairID: uint64(i), ImageURL: addressOf(i), PictureHash: 1 << 40 * uint64(i), PHash: uint64(i) * 0x9e3779b97f4a7c15, Text: "x"}
}

// write makes a dataset of generations, each of held-out and training pairs.
func write(t testing.TB, dir string, generations ...[2][]shard.Pair) *shard.Dataset {
	t.Helper()
	folder := filepath.Join(dir, shard.ShardsFolder)
	m := &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")}
	for g, sides := range generations {
		for side, prefix := range []string{shard.HeldOut, shard.Training} {
			w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("%s%05d.arrow", prefix, g), shard.Origin{Stage: "shard"})
			if err != nil {
				t.Fatal(err)
			}
			for i := range sides[side] {
				m.Tally.Keep()
				if err := w.Write(&sides[side][i]); err != nil {
					t.Fatal(err)
				}
			}
			part, err := w.Close()
			if err != nil {
				t.Fatal(err)
			}
			part.Generation = g + 1
			m.Parts = append(m.Parts, part)
		}
		m.Generations = append(m.Generations, shard.Generation{Number: g + 1})
	}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
	d, err := shard.OpenDataset(folder)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func pairsOf(numbers ...int) (list []shard.Pair) {
	for _, i := range numbers {
		list = append(list, plainPair(i))
	}
	return list
}

func from(first, last int) (list []int) {
	for i := first; i < last; i++ {
		list = append(list, i)
	}
	return list
}

// trainedOn is a checkpoint with a segment for each list of pairs; one of nil is not
// known.
func trainedOn(t testing.TB, data checkpoint.Trained, lists ...[]shard.Pair) *checkpoint.Checkpoint {
	t.Helper()
	folder := t.TempDir()
	c := &checkpoint.Checkpoint{Path: filepath.Join(folder, "step-00000001")}
	for i, list := range lists {
		s := checkpoint.Segment{Data: []checkpoint.Trained{data}}
		if list != nil {
			var err error
			s.Seen, s.Added, err = checkpoint.WriteSeen(folder, i+1, iter.Seq2[*shard.Seen, error](func(yield func(*shard.Seen, error) bool) {
				for k := range list {
					seen := shard.SeenOf(&list[k], 1)
					if !yield(&seen, nil) {
						return
					}
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
		}
		c.State.Segments = append(c.State.Segments, s)
	}
	return c
}

// bitsApart is a Near that compares all.
func bitsApart(hashes []uint64, distance int) func(uint64, func(int)) {
	return func(hash uint64, visit func(int)) {
		for i, h := range hashes {
			if bits.OnesCount64(h^hash) <= distance {
				visit(i)
			}
		}
	}
}

// TestSeenPairs looks up ten held-out pairs, 100 to 109, among those that a model was
// trained on.
func TestSeenPairs(t *testing.T) {
	dir := t.TempDir()
	heldOut := pairsOf(from(100, 110)...)
	heldOut[9].PictureHash, heldOut[9].ImageURL = 0, "" // neither is known
	d := write(t, dir, [2][]shard.Pair{heldOut, pairsOf(from(0, 30)...)})
	now := checkpoint.Trained{Generation: 1, Hash: d.Hash()}
	like := func(i int, change func(p *shard.Pair)) shard.Pair {
		p := plainPair(7000 + i)
		change(&p)
		return p
	}
	others := pairsOf(from(0, 30)...)
	for _, tt := range []struct {
		name    string
		trained [][]shard.Pair
		options func(o *Options)
		rows    []int
		ways    map[string]int64
		note    string
	}{
		{"none", [][]shard.Pair{others}, nil, from(0, 10), nil, ""},
		{"the same pair", [][]shard.Pair{append(others, plainPair(103))}, nil, []int{0, 1, 2, 4, 5, 6, 7, 8, 9}, map[string]int64{"pair": 1},
			"the model was trained on 1 held-out pairs (1 by pair): 0000000000000067, which are left out"},
		{"in a later segment", [][]shard.Pair{others, {plainPair(103)}}, nil, []int{0, 1, 2, 4, 5, 6, 7, 8, 9}, map[string]int64{"pair": 1}, "which are left out"},
		{"another text", [][]shard.Pair{{like(0, func(p *shard.Pair) { p.ImageURL = addressOf(100) })}}, nil, from(1, 10), map[string]int64{"address": 1}, "1 by address"},
		{"the picture elsewhere", [][]shard.Pair{{like(0, func(p *shard.Pair) { p.PictureHash = plainPair(109 - 1).PictureHash })}}, nil, []int{0, 1, 2, 3, 4, 5, 6, 7, 9}, map[string]int64{"picture": 1}, "1 by picture"},
		{"a look-alike", [][]shard.Pair{{like(0, func(p *shard.Pair) { p.PHash = plainPair(101).PHash ^ 0xf0 })}}, nil, []int{0, 2, 3, 4, 5, 6, 7, 8, 9}, map[string]int64{"look_alike": 1}, "1 by look-alike"},
		{"hardly a look-alike", [][]shard.Pair{{like(0, func(p *shard.Pair) { p.PHash = plainPair(101).PHash ^ 0x1f0 })}}, nil, from(0, 10), nil, ""},
		{"what is not known equals nothing", [][]shard.Pair{{like(0, func(p *shard.Pair) { p.PictureHash, p.ImageURL = 0, "" })}}, nil, from(0, 10), nil, ""},
		{"by what says most", [][]shard.Pair{{like(0, func(p *shard.Pair) { p.PictureHash, p.PHash = plainPair(100).PictureHash, plainPair(100).PHash }), plainPair(100)}}, nil,
			from(1, 10), map[string]int64{"pair": 1}, ""},
		{"others take their places", [][]shard.Pair{pairsOf(100, 102, 103)}, func(o *Options) { o.MaxPairs = 4 }, []int{1, 4, 5, 6}, map[string]int64{"pair": 3}, ""},
		{"kept", [][]shard.Pair{pairsOf(100, 102, 103)}, func(o *Options) { o.Seen = "keep" }, from(0, 10), map[string]int64{"pair": 3},
			"3 held-out pairs (3 by pair): 0000000000000064, 0000000000000066, 0000000000000067, which count all the same, by eval.seen: the figures are better than on pairs that it does not know"},
		{"all", [][]shard.Pair{heldOut}, func(o *Options) { o.MaxPairs = 2 }, nil, map[string]int64{"pair": 10}, "10 held-out pairs (10 by pair)"},
		{"not known", [][]shard.Pair{nil, {plainPair(100)}}, nil, from(1, 10), map[string]int64{"pair": 1}, "it is not known what the model was trained on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, source, err := shardsOf(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			o := Options{MaxPairs: 100, SeenDistance: 4, Near: bitsApart}
			if tt.options != nil {
				tt.options(&o)
			}
			rows, s, err := unseen(source, d, trainedOn(t, now, tt.trained...), o)
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			for _, k := range tt.ways {
				n += k
			}
			if !slices.Equal(rows, tt.rows) || !reflect.DeepEqual(s.Ways, tt.ways) || s.Pairs != n || len(s.First) != int(n) {
				t.Errorf("rows %v are judged on, %+v are seen; want rows %v, seen %v", rows, s, tt.rows, tt.ways)
			}
			if !strings.Contains(s.Note, tt.note) || tt.ways == nil && tt.note == "" && s.Note != "" {
				t.Errorf("the note is %q, want %q in it", s.Note, tt.note)
			}
			o.Seen = "refuse"
			if _, _, err := unseen(source, d, trainedOn(t, now, tt.trained...), o); errors.Is(err, ErrSeen) != (n > 0) {
				t.Errorf("to refuse gives %v", err)
			}
		})
	}
}

// TestTrainedOnWhat says how what a model was trained on stands to the dataset that it
// is judged on.
func TestTrainedOnWhat(t *testing.T) {
	dir := t.TempDir()
	d := write(t, dir, [2][]shard.Pair{pairsOf(from(100, 110)...), pairsOf(from(0, 30)...)}, [2][]shard.Pair{nil, pairsOf(from(30, 35)...)})
	for _, tt := range []struct {
		name string
		data checkpoint.Trained
		list []shard.Pair
		note string
	}{
		{"its last generation", checkpoint.Trained{Generation: 2, Hash: d.Hash()}, pairsOf(from(0, 35)...), ""},
		{"an earlier one", checkpoint.Trained{Generation: 1, Hash: d.At(1).Hash()}, pairsOf(from(0, 30)...), "the model was trained on generation 1 of 2; there are 5 new training pairs since"},
		{"before a compaction", checkpoint.Trained{Generation: 7, Hash: "0"}, pairsOf(from(0, 33)...), "the model was trained on other shards: of the first 35 training pairs of these it knows 33"},
		{"another dataset", checkpoint.Trained{Generation: 1, Hash: "0"}, pairsOf(from(500, 600)...), "the model was not trained on this dataset: of its first 35 training pairs it knows none"},
		{"not known", checkpoint.Trained{Hash: "0"}, nil, "it is not known what the model was trained on, since an older pairloom trained it: it may have seen pairs that it is judged on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, source, err := shardsOf(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			rows, s, err := unseen(source, d, trainedOn(t, tt.data, tt.list), Options{MaxPairs: 100})
			if err != nil || len(rows) != 10 || s.Note != tt.note {
				t.Errorf("%d rows, the note is %q, %v; want %q", len(rows), s.Note, err, tt.note)
			}
		})
	}
}

// TestDamagedTable names the table, and what to do.
func TestDamagedTable(t *testing.T) {
	dir := t.TempDir()
	d := write(t, dir, [2][]shard.Pair{pairsOf(from(100, 110)...), pairsOf(from(0, 30)...)})
	_, source, err := shardsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	c := trainedOn(t, checkpoint.Trained{}, pairsOf(1, 2, 3))
	path := filepath.Join(filepath.Dir(c.Path), checkpoint.SeenName(1))
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, _, err = unseen(source, d, c, Options{MaxPairs: 100})
	var damaged *shard.DamagedPart
	if !errors.As(err, &damaged) || damaged.Path != path || !strings.Contains(err.Error(), "train --replace") {
		t.Errorf("got %v", err)
	}
}

// TestSeenInTheResult leaves pairs out and accounts for them.
func TestSeenInTheResult(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir)
	trainTiny(t, dir, 2)
	// Of the 20 held-out pairs that decode, two were trained on in another dataset.
	folder := filepath.Join(dir, "checkpoints")
	c, err := checkpoint.Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	one, two := pairOf(t, 3, 7), pairOf(t, 4, 7)
	more := trainedOn(t, checkpoint.Trained{}, []shard.Pair{one, two})
	s := more.State.Segments[0]
	text, err := os.ReadFile(filepath.Join(filepath.Dir(more.Path), checkpoint.SeenName(1)))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, checkpoint.SeenName(2)), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Data = c.State.Segments[0].Data
	s.From, s.Start, s.Total = c.State.Total, c.State.Total, c.State.Total
	s.Batch = 2
	c.State.Segments = append(c.State.Segments, s)
	state, err := c.State.Encode()
	if err == nil {
		err = os.WriteFile(filepath.Join(c.Path, "state.json"), state, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), dir, options(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Pairs != 18 || r.Tally.In != 21 || r.Tally.Dropped[SeenPairs] != 2 || r.Tally.Dropped[Undecodable] != 1 || r.Seen.Pairs != 2 || !strings.Contains(r.Seen.Note, "left out") {
		t.Errorf("the result is %+v, its tally %+v, seen %+v", r, r.Tally, r.Seen)
	}
	o := options()
	o.MaxPairs = 10
	if r, err = Run(t.Context(), dir, o, nil, nil); err != nil || r.Pairs != 10 || r.Tally.Dropped[SeenPairs] != 2 || r.Tally.Dropped[OverLimit] != 9 || r.Tally.In != 21 {
		t.Errorf("of ten pairs the result is %+v, %v", r.Tally, err)
	}
}

// TestSeenInSets has held-out pairs as labelled pictures, two of which were trained on.
func TestSeenInSets(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir)
	c := trainedOn(t, checkpoint.Trained{}, []shard.Pair{pairOf(t, 3, 7), pairOf(t, 4, 7)})
	labels := writeFile(t, filepath.Join(dir, "labels"), "yellow left\nblack left\nred left\n")
	for _, tt := range []struct {
		spec, rule string
		pictures   int
		left, kept int64
		refused    bool
	}{
		{"shards:.", "leave_out", 2, 2, 0, false},
		{"shards:.", "keep", 4, 0, 2, false},
		{"shards:.", "refuse", 0, 0, 0, true},
	} {
		s, err := OpenSet(dir, tt.spec, Options{Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := s.leaveOutSeen(c, Options{Seen: tt.rule})
		if errors.Is(err, ErrSeen) != tt.refused || kept != tt.kept || s.Left[SeenPairs] != tt.left || !tt.refused && (s.Pictures.Len() != tt.pictures || len(s.Class) != tt.pictures) {
			t.Errorf("%s: %d pictures, %d kept, left %v, %v", tt.rule, s.Pictures.Len(), kept, s.Left, err)
		}
		s.Close()
	}
	if s, err := OpenSet(dir, "training:.", Options{Labels: labels}); err != nil || s.pair != nil {
		t.Errorf("pairs of training are asked for as such, %v", err)
	} else {
		s.Close()
	}
}

// BenchmarkSeen looks 5,000 held-out pairs up among those that a model was trained on,
// with the index of look-alikes that the command has:
//
//	go test ./trainer/evaluate -run - -bench Seen
func BenchmarkSeen(b *testing.B) {
	const trained, heldOut = 1_000_000, 5000
	random := rand.New(rand.NewPCG(1, 2))
	var x candidates
	for range heldOut {
		x.add(&shard.Pair{PairID: random.Uint64(), ImageURL: "https://a.example/" + shard.FormatPairID(random.Uint64()), PictureHash: random.Uint64(), PHash: random.Uint64()})
	}
	folder := b.TempDir()
	c := &checkpoint.Checkpoint{Path: filepath.Join(folder, "step-00000001")}
	var s checkpoint.Segment
	var err error
	s.Seen, s.Added, err = checkpoint.WriteSeen(folder, 1, iter.Seq2[*shard.Seen, error](func(yield func(*shard.Seen, error) bool) {
		row := shard.Seen{PageHost: "pages.example", ImageHost: "pictures.example", Generation: 1}
		for range trained {
			row.PairID, row.ImageID, row.PictureHash, row.PHash = random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64()
			if !yield(&row, nil) {
				return
			}
		}
	}))
	if err != nil {
		b.Fatal(err)
	}
	c.State.Segments = []checkpoint.Segment{s}
	o := Options{SeenDistance: 4, Near: func(hashes []uint64, distance int) func(uint64, func(int)) {
		index := lookalike.NewIndex(hashes, distance)
		return func(hash uint64, visit func(int)) {
			index.Near(hash, func(number, _ int) bool { visit(number); return true })
		}
	}}
	for b.Loop() {
		if _, err := x.lookUp(c, o, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(trained*float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
	b.ReportMetric(float64(s.Seen.Bytes)/trained, "B/pair")
}
