package pipeline

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestPlaceholders matches pictures that stand under many texts.
func TestPlaceholders(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	// on lists candidates of a picture on a site: of a text for each page, where %d in
	// it stands for the page's number.
	on := func(site, picture, text string, pages int) (list []shard.Candidate) {
		for i := range pages {
			list = append(list, shard.Candidate{
				PageURL: fmt.Sprintf("https://%s/%d", site, i), ImageURL: "https://pictures.example/" + picture,
				Text: strings.ReplaceAll(text, "%d", fmt.Sprint(i)), TextSource: "alt", Source: "live",
			})
		}
		return list
	}
	var sites []shard.Candidate
	for i := range 12 {
		sites = append(sites, on(fmt.Sprintf("s%d.example", i), "known", fmt.Sprintf("a cat by %d", i), 1)...)
	}
	for _, tt := range []struct {
		name       string
		candidates []shard.Candidate
		limit      int
		kept       int
		dropped    int // as placeholders
	}{
		{"as many texts as the limit, on several pages", on("a.example", "logo", "cat %d", 5), 5, 0, 5},
		{"one fewer", on("a.example", "logo", "cat %d", 4), 5, 4, 0},
		{"the rule is off", on("a.example", "logo", "cat %d", 50), 0, 50, 0},
		{"the same text on all pages", on("a.example", "cat", "a cat", 50), 5, 1, 0},
		{"texts that differ in case and signs alone", append(on("a.example", "cat", "a cat", 1), append(on("a.example", "cat", "A CAT", 1), on("a.example", "cat", "a cat!", 1)...)...), 3, 3, 0},
		{"texts without a query do not count", append(on("a.example", "cat", "a dog %d", 20), on("a.example", "cat", "cat %d", 2)...), 3, 2, 0},
		{"a picture that many sites show", sites, 5, 12, 0},
		{"one that many sites show and one has as its logo", append(on("a.example", "known", "cat %d", 5), sites...), 5, 0, 17},
		{"another picture beside it", append(on("a.example", "logo", "cat %d", 5), on("a.example", "cat", "a cat", 1)...), 5, 1, 5},
		{"more texts than are looked at", on("a.example", "logo", "cat %d", mostTexts+50), 5, 0, mostTexts + 50},
	} {
		for _, margin := range []float64{0, 1.5} { // with one, pairs are walked twice
			dir, o := t.TempDir(), testOptions()
			o.Match.PlaceholderTexts, o.Match.PartPairs = tt.limit, 1000
			o.Balance.Margin, o.Balance.MaxPairsPerQuery = margin, 100
			if len(tt.candidates) > 100 { // nothing but the walk ahead
				o.Balance.MaxPairsPerQuery = 4000
			}
			writeList(t, filepath.Join(dir, "list.zst"), "cat")
			writeFolder(t, dir, shard.ProducerFolder("crawl"), tt.candidates, 1000)
			runStages(t, dir, o, MatchName)
			m, err := manifest(dir, shard.MatchedFolder)
			if err != nil {
				t.Fatal(err)
			}
			if m.Tally.Kept != int64(tt.kept) || m.Tally.Dropped[ReasonPlaceholder] != int64(tt.dropped) {
				t.Errorf("%s, margin %v: kept %d, dropped %v; want %d and %d placeholders", tt.name, margin, m.Tally.Kept, m.Tally.Dropped, tt.kept, tt.dropped)
			}
			if tt.dropped == 0 || tt.dropped > MaxExplained {
				continue
			}
			e, err := Explain(dir, o, tt.candidates[0].ImageURL)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range e.Pairs {
				if p.Reason != ReasonPlaceholder || !strings.Contains(p.Detail, "5 or more different texts on a.example") {
					t.Errorf("%s: explain says of %q: %s (%s)", tt.name, p.Text, p.Reason, p.Detail)
				}
			}
		}
	}
}

// TestAddressesUsedOften counts the places where an address stands, those of one text
// too, but for texts that do not pass.
func TestAddressesUsedOften(t *testing.T) {
	for _, tt := range []struct {
		name, candidates      string
		limit, placeholders   int
		kept, often, repeated int64
	}{
		{"as often as the limit", "a cat alt a cat\n b cat alt a cat\n c cat alt my cat", 3, 0, 2, 0, 1},
		{"once more", "a cat alt a cat\n b cat alt a cat\n c cat alt my cat", 2, 0, 0, 2, 1},
		{"texts that do not pass", "a cat alt a cat\n b cat alt a dog\n c cat alt my dog", 2, 0, 1, 0, 0},
		{"another picture beside it", "a cat alt a cat\n b cat alt a cat\n c fox alt a cat", 1, 0, 1, 1, 1},
		{"no limit", "a cat alt a cat\n b cat alt a cat\n c cat alt my cat", 0, 0, 2, 0, 1},
		{"a placeholder too", "a cat alt a cat\n b cat alt cat b\n c cat alt my cat", 2, 3, 0, 3, 0},
	} {
		dir, o := t.TempDir(), testOptions()
		o.Match.MaxURLUses, o.Match.PlaceholderTexts = tt.limit, tt.placeholders
		writeList(t, filepath.Join(dir, "list.zst"), "cat")
		writeCandidates(t, dir, map[string]string{"crawl": tt.candidates})
		runStages(t, dir, o, MatchName)
		m, err := manifest(dir, shard.MatchedFolder)
		if err != nil {
			t.Fatal(err)
		}
		if n := m.Tally; n.Kept != tt.kept || n.Dropped[ReasonOften] != tt.often || n.Dropped[ReasonRepeatOnTheWeb] != tt.repeated {
			t.Errorf("%s: kept %d, dropped %v; want %d, %d used often and %d repeats", tt.name, n.Kept, n.Dropped, tt.kept, tt.often, tt.repeated)
		}
		e, err := Explain(dir, o, "https://pictures.example/cat")
		if err != nil {
			t.Fatal(err)
		}
		said := int64(0)
		for _, p := range e.Pairs {
			if p.Reason == ReasonOften && strings.Contains(p.Detail, "max_url_uses "+fmt.Sprint(tt.limit)) {
				said++
			}
		}
		if said != tt.often {
			t.Errorf("%s: explain says of %d pairs that their address is used often, want %d:\n%s", tt.name, said, tt.often, explained(e))
		}
	}
}
