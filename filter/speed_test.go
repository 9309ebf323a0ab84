package filter

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// The rules are written for speed; these are what they mean.
var addressPattern = regexp.MustCompile(`(?i)^\s*((https?|ftp)://\S+|www\.\S+|[^\s@]+@[^\s@]+\.[^\s@]+)\s*$`)

func wordsRepeated(text string) float64 {
	folded := fold.AppendText(nil, text)
	seen, n := map[string]bool{}, 0
	for _, w := range fold.Words(nil, folded) {
		seen[string(folded[w.Start:w.End])] = true
		n++
	}
	return 1 - float64(len(seen))/float64(n)
}

func TestRulesMeanWhatTheirPatternsSay(t *testing.T) {
	const seed = 21
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"http://", "HTTPS://", "ftp://", "www.", "@", ".", " ", "a", "fox", "é", "IMG_", "dsc", "42", "-", ".jpg", ".HEIC", ".tiff", "screen shot ", "word"}
	texts := 200_000
	if testing.Short() {
		texts /= 50
	}
	for range texts {
		var b strings.Builder
		for range 1 + r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		var text Text
		text.Set(&shard.Candidate{Text: b.String()})
		if got, want := isAddress(text.Text), addressPattern.MatchString(text.Text); got != want {
			t.Fatalf("seed %d: %q is an address: %v, want %v", seed, text.Text, got, want)
		}
		if got, want := fileName(true).Drop(&text), fileNamePattern.MatchString(text.Text); got != want {
			t.Fatalf("seed %d: %q is a file name: %v, want %v", seed, text.Text, got, want)
		}
		if text.Words() > 0 {
			if got, want := repeatedShare(text.different(text.Words()), text.Words()), wordsRepeated(text.Text); got != want {
				t.Fatalf("seed %d: %q repeats %v of its words, want %v", seed, text.Text, got, want)
			}
			for _, most := range []float64{0.2, 0.5, 0.75} {
				if got, want := repetition(most).Drop(&text), text.Words() >= repetitionMinWords && wordsRepeated(text.Text) > most; got != want {
					t.Fatalf("seed %d: %q repeats more than %v: %v, want %v", seed, text.Text, most, got, want)
				}
			}
		}
	}
}

var someTexts = []string{
	"A red fox sleeps in the snow beside an old wooden fence near Tromsø, Norway",
	"IMG_0042.JPG", "https://example.org/fox", "fox fox fox fox", "Figure 3: the result of the clustering", "狐狸在雪中 睡觉",
}

func TestRulesAllocateNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector allocates, and it starts no goroutine")
	}
	rules := TextRules(allOptions.Text)
	var text Text
	c := shard.Candidate{TextSource: "alt"}
	decide := func() {
		for _, c.Text = range someTexts {
			text.Set(&c)
			for i := range rules { // all of them, whatever the first says
				rules[i].Drop(&text)
				if rules[i].Value != nil {
					rules[i].Value(&text)
				}
			}
		}
	}
	decide()
	if n := testing.AllocsPerRun(200, decide); n > 0 {
		t.Errorf("%v allocations for %d texts, want none", n, len(someTexts))
	}
}

func BenchmarkTextRules(b *testing.B) {
	o := testOptions.Text
	o.MaxWords, o.MaxCharacters = 256, 1000
	withoutLanguage := allOptions.Text
	withoutLanguage.Languages, withoutLanguage.MinLanguageConfidence = nil, 0
	for _, c := range []struct {
		name string
		o    TextOptions
	}{{"default", o}, {"all but language", withoutLanguage}, {"all", allOptions.Text}} {
		b.Run(c.name, func(b *testing.B) {
			rules := TextRules(c.o)
			var text Text
			c := shard.Candidate{TextSource: "alt"}
			b.ReportAllocs()
			for b.Loop() {
				for _, c.Text = range someTexts {
					text.Set(&c)
					for i := range rules { // all of them, whatever the first says
						rules[i].Drop(&text)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(someTexts)), "ns/text")
		})
	}
}
