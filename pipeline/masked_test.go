package pipeline

import (
	"path/filepath"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestPersonalDataIsMaskedBeforeThePairIsNamed has texts that differ in addresses and
// numbers alone: masked they are one text, of one pair, and no folder after the match
// holds what was masked.
func TestPersonalDataIsMaskedBeforeThePairIsNamed(t *testing.T) {
	const candidates = `
		a cat.jpg alt a red cat, ask fox@example.org
		b cat.jpg title a red cat, ask owl@example.org
		c cat.jpg alt call 555-012-3456`
	const image, masked = "https://pictures.example/cat.jpg", "a red cat, ask ***"
	dir, o := t.TempDir(), testOptions()
	o.Filter.Text.PersonalData = "mask"
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	writeCandidates(t, dir, map[string]string{"crawl": candidates})
	runStages(t, dir, o, whole...)
	o.Filter.Text.PersonalData = "keep" // today's settings do not count
	rows := rowsOf[shard.Pair](t, dir, shard.ShardsFolder)
	if len(rows) != 1 || rows[0].Text != masked || rows[0].PairID != shard.PairID(image, masked) {
		t.Fatalf("the dataset is %+v, want the pair of %q", rows, masked)
	}
	const want = "a alt: kept\nb title: match same_url_and_text, from a (alt)\nc alt: match no_query\n"
	for _, asked := range []string{image, shard.FormatPairID(rows[0].PairID)} {
		e, err := Explain(dir, o, asked)
		if err != nil {
			t.Fatal(err)
		}
		got := explained(e)
		if asked != image {
			got += "c alt: match no_query\n" // which is another pair
		}
		if got != want {
			t.Errorf("asked for %s, explain says\n%swant\n%s", asked, got, want)
		}
		for _, p := range e.Pairs {
			if p.Text != masked && p.Text != "call ***" {
				t.Errorf("explain shows the text %q", p.Text)
			}
		}
		agreesWithRows(t, dir, e)
	}
}

// TestTheDetectedLanguageIsStored holds that a pair says which language its text is in,
// whatever its page says.
func TestTheDetectedLanguageIsStored(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat", "katze", "猫")
	writeCandidates(t, dir, map[string]string{"crawl": `
		a 1.jpg alt A red cat sleeps in the snow beside a fence
		a 2.jpg alt Eine rote Katze schläft im Schnee am Zaun
		a 3.jpg alt 红色的猫在雪地里睡觉`})
	runStages(t, dir, o, whole...)
	want := map[string]string{"1.jpg": "en", "2.jpg": "de", "3.jpg": "zh"}
	for _, p := range rowsOf[shard.Pair](t, dir, shard.ShardsFolder) {
		name := filepath.Base(p.ImageURL)
		if p.TextLanguage != want[name] {
			t.Errorf("%q is said to be %q, want %q", p.Text, p.TextLanguage, want[name])
		}
		delete(want, name)
		if e, err := Explain(dir, o, p.ImageURL); err != nil || len(e.Pairs) != 1 || e.Pairs[0].Language != p.TextLanguage {
			t.Errorf("explain says %+v, %v", e, err)
		}
	}
	if len(want) > 0 {
		t.Errorf("no pair of %v", want)
	}
}
