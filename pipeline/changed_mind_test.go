package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// TestAChangedMindIsObeyed: what was taken out for the refusal list comes back when the
// list, or its line, is deleted and the selection keeps it still; while the line stands it
// does not, and once the selection has the last word the stage need not run.
func TestAChangedMindIsObeyed(t *testing.T) {
	for _, tt := range []struct {
		name        string
		refuse      func(t *testing.T, w *world, address string) // before the list is read again
		then        string                                       // the list; "" when it is deleted
		curated     bool                                         // the selection obeys the list meanwhile
		back, stale bool
	}{
		{"removed, the list deleted", removeAddress, "", false, true, false},
		{"removed, all lines deleted", removeAddress, "# nothing\n", false, true, false},
		{"removed, another line in its place", removeAddress, "host elsewhere.example\n", false, true, false},
		{"removed, the line stands", removeAddress, "url https://pictures.example/1\n", false, false, true},
		{"removed, the line stands, and the selection obeys it", removeAddress, "url https://pictures.example/1\n", true, false, false},
		{"refused on the way in, the list deleted", refuseAddress, "", false, true, false},
		{"refused on the way in, the line stands", refuseAddress, "url https://pictures.example/1\n", false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{t: t, dir: t.TempDir(), options: ShardOptions{Pairs: 4, HeldoutShare: 0.3}, seed: 1}
			for range 20 {
				w.grow()
			}
			w.write()
			stale := func() bool {
				s := w.stage(false).Stage()
				why, err := s.Stale()
				if err != nil {
					t.Fatal(err)
				}
				return why != ""
			}
			tt.refuse(t, w, "https://pictures.example/1")
			if n := len(liveIDs(t, w.dir)); n != 18 {
				t.Fatalf("%d pairs are left, want 18", n)
			}
			if !stale() {
				t.Error("the shards lack what the selection keeps, and the stage need not run")
			}
			if err := os.Remove(filepath.Join(w.dir, RefusedName)); err != nil {
				t.Fatal(err)
			}
			if tt.then != "" {
				refusals(t, w.dir, tt.then)
			}
			if tt.curated {
				for _, p := range w.pairs {
					if p.matched.ImageURL == "https://pictures.example/1" {
						p.reason = ReasonRefused
					}
				}
				w.write()
			}
			for range 2 {
				if _, err := w.run(false); err != nil {
					t.Fatal(err)
				}
				want := 18
				if tt.back {
					want = 20
				}
				if n := len(liveIDs(t, w.dir)); n != want {
					t.Errorf("%d pairs are there, want %d", n, want)
				}
				if stale() != tt.stale {
					t.Errorf("the stage must run again: %v", !tt.stale)
				}
			}
			if !tt.curated {
				return
			}
			for _, p := range w.pairs { // the line goes, and the selection is as it was at first
				p.reason = ""
			}
			w.write()
			if err := os.Remove(filepath.Join(w.dir, RefusedName)); err != nil {
				t.Fatal(err)
			}
			if !stale() {
				t.Error("the selection keeps again what was removed, and the stage need not run")
			}
			if _, err := w.run(false); err != nil || len(liveIDs(t, w.dir)) != 20 {
				t.Errorf("%d pairs are there, want 20 (%v)", len(liveIDs(t, w.dir)), err)
			}
		})
	}
}

// TestExplainNamesNoDeletedLine: of what a line decided that is no more, the line is not
// named.
func TestExplainNamesNoDeletedLine(t *testing.T) {
	detail := refusedDetail(refusal.Entry{Kind: refusal.Address, Text: "https://a.example/1"})
	for _, tt := range []struct {
		list  string
		named bool
	}{
		{"url https://a.example/1\n", true},
		{"host b.example\nurl http://a.example/1\n", true},
		{"url https://a.example/2\n", false},
		{"", false},
	} {
		list, err := RefusalParser().Read(strings.NewReader(tt.list))
		if err != nil {
			t.Fatal(err)
		}
		x := &explainer{dir: t.TempDir(), refused: list}
		e := &Explanation{Pairs: []PairReport{{Reason: ReasonRemoved, Detail: detail}, {Reason: "query_cap", Detail: "12 of 12"}},
			Left: []Departure{{Reason: ReasonRemoved, Detail: detail}}, Image: &ImageReport{Status: ReasonRefused, Detail: detail}}
		if err := x.refusals(e); err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{e.Pairs[0].Detail, e.Left[0].Detail, e.Image.Detail} {
			if named := got == detail; named != tt.named || !named && !strings.Contains(got, "deleted since") {
				t.Errorf("with the list %q it says %q", tt.list, got)
			}
		}
		if got := e.Pairs[1].Detail; got != "12 of 12" {
			t.Errorf("what other reasons decided: %q", got)
		}
	}
}

// TestExplainKnowsThatAPairDoesNotStay: of a pair that was dropped for another it is said
// when that has left the dataset.
func TestExplainKnowsThatAPairDoesNotStay(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, map[string]int{"shard-00000.arrow": 3})
	if _, err := DeleteRows(dir, func(r *shard.Row) (string, string) {
		if r.PairID == 1 {
			return ReasonRemoved, "asked to"
		}
		return "", ""
	}); err != nil {
		t.Fatal(err)
	}
	dropped := func(by string) PairReport {
		return PairReport{Reason: "duplicate_picture", Detail: "the picture is that of pair " + by + ", which stays"}
	}
	e := &Explanation{Pairs: []PairReport{dropped("0000000000000001"), dropped("0000000000000002")}}
	if err := (&explainer{dir: dir}).shards(e, nil); err != nil {
		t.Fatal(err)
	}
	if want := "pair 0000000000000001 left the dataset since (removed); the next run decides anew"; e.Pairs[0].Note != want || e.Pairs[1].Note != "" {
		t.Errorf("it says %q and %q, want %q of the first alone", e.Pairs[0].Note, e.Pairs[1].Note, want)
	}
}

// removeAddress takes pairs out of finished shards.
func removeAddress(t *testing.T, w *world, address string) {
	if _, err := w.run(false); err != nil {
		t.Fatal(err)
	}
	request := refusal.New([]refusal.Entry{{Kind: refusal.Address, Text: address}})
	if _, err := (Removal{Work: Work{Dir: w.dir, Options: *testOptions()}, Request: request}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// refuseAddress writes shards while the list refuses what the selection keeps.
func refuseAddress(t *testing.T, w *world, address string) {
	if err := RefuseAddress(w.dir, address); err != nil {
		t.Fatal(err)
	}
	if _, err := w.run(false); err != nil {
		t.Fatal(err)
	}
}
