package pipeline

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// TestAMissingVerdictIsAnError loses the decision on one pair of three, on each
// in turn, and has one on a pair that is not there: curating says so and names
// the pair.
func TestAMissingVerdictIsAnError(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	writeCandidates(t, dir, map[string]string{"crawl": "a cat1 alt a cat\n a cat2 alt a cat\n a cat3 alt a cat"})
	runStages(t, dir, o, MatchName, FetchName)
	matched := rowsOf[shard.Matched](t, dir, shard.MatchedFolder)
	manifest, err := manifest(dir, shard.MatchedFolder)
	if err != nil {
		t.Fatal(err)
	}
	list := NewQueryList(dir, o.Match.Queries)
	l, err := list.Get()
	if err != nil {
		t.Fatal(err)
	}
	// write merges decisions on the places that decided names.
	write := func(decided ...uint64) error {
		c := Curate{dir, o.Filter, o.Dedup, o.Balance, o.Seed, o.Shard.HeldoutShare, o.memory(), list, nil, 1}
		r := &curation{Curate: c, ctx: t.Context(), matched: manifest, decisions: extsort.New(dir, 1<<20)}
		defer r.decisions.Close()
		balancer, err := newBalancer(o.Balance, 0, o.Seed, len(l.Entries), 1<<20, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer balancer.Close()
		for _, place := range decided {
			if place%2 == 0 {
				err = r.drop(place, 0, "reason", "detail")
			} else if err = balancer.Add(place, matched[place].PairID, matched[place].QueryIDs); err == nil {
				err = r.leave(&dedup.Pair{Place: place})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := balancer.Settle(); err != nil {
			t.Fatal(err)
		}
		_, err = r.write(balancer, l, func(int64) {})
		return err
	}
	if err := write(0, 1, 2); err != nil {
		t.Fatal(err)
	}
	for lost := range matched {
		var left []uint64
		for place := range matched {
			if place != lost {
				left = append(left, uint64(place))
			}
		}
		want := "no decision on pair " + shard.FormatPairID(matched[lost].PairID)
		if err := write(left...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without the decision on pair %d: %v, want %q", lost, err, want)
		}
	}
	if err := write(0, 1, 1, 2); err == nil || !strings.Contains(err.Error(), "no decision on pair "+shard.FormatPairID(matched[2].PairID)) {
		t.Errorf("two decisions on a pair: %v", err)
	}
	if err := write(0, 1, 2, 4); err == nil || !strings.Contains(err.Error(), "more pairs than the 3 matched") {
		t.Errorf("a decision on a fourth pair: %v", err)
	}
}

// TestDecisionsAreThoseOfEachPair curates by hand-written pictures: each pair has
// the verdict that its picture asks for, and the tally counts each once.
func TestDecisionsAreThoseOfEachPair(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	writeCandidates(t, dir, map[string]string{"crawl": "a cat1 alt a cat\n a 2gone alt a cat\n a cat3 alt a cat\n a 4gone alt a cat\n a cat5 alt a cat"})
	runStages(t, dir, o, MatchName, FetchName, CurateName)
	matched := rowsOf[shard.Matched](t, dir, shard.MatchedFolder)
	selection := rowsOf[shard.Selection](t, dir, shard.SelectionFolder)
	if len(selection) != len(matched) {
		t.Fatalf("%d decisions on %d pairs", len(selection), len(matched))
	}
	for i, m := range matched {
		want := ""
		if strings.HasSuffix(m.ImageURL, "gone") {
			want = ReasonNotFetched
		}
		if s := selection[i]; s.PairID != m.PairID || s.Reason != want {
			t.Errorf("%s: pair %016x, reason %q; want %016x and %q", m.ImageURL, s.PairID, s.Reason, m.PairID, want)
		}
	}
	m, err := manifest(dir, shard.SelectionFolder)
	if err != nil {
		t.Fatal(err)
	}
	if m.Tally.In != 5 || m.Tally.Kept != 3 || m.Tally.Dropped[ReasonNotFetched] != 2 {
		t.Errorf("the tally is %+v", m.Tally)
	}
}
