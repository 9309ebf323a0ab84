package filter

import (
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

var testOptions = Options{
	Text: TextOptions{
		Sources: []string{"alt", "title"}, MinWords: 2, MaxWords: 6, MinCharacters: 5, MaxCharacters: 60,
		MaxWordRepetition: 0.5, DropFileNames: true, DropAddresses: true, ObeyOptOut: true,
	},
	Picture: PictureOptions{MinShortSide: 64, MaxAspectRatio: 3, ObeyOptOut: true},
}

func TestTextRules(t *testing.T) {
	rules := TextRules(testOptions.Text)
	for _, tt := range []struct {
		name      string
		candidate shard.Candidate
		want      string
	}{
		{"a good text", shard.Candidate{Text: "a red fox"}, ""},
		{"the page opts out", shard.Candidate{Text: "a red fox", OptOut: "noai"}, "page_opt_out"},
		{"source not listed", shard.Candidate{Text: "a red fox", TextSource: "figcaption"}, "text_source"},
		{"four characters", shard.Candidate{Text: "a ox"}, "characters"},
		{"characters are not bytes", shard.Candidate{Text: "é üö"}, "characters"},
		{"61 characters", shard.Candidate{Text: "a " + strings.Repeat("x", 59)}, "characters"},
		{"one word", shard.Candidate{Text: "foxes"}, "words"},
		{"marks are no words", shard.Candidate{Text: "foxes ---"}, "words"},
		{"seven words", shard.Candidate{Text: "a b c d e f g"}, "words"},
		{"three of four repeat", shard.Candidate{Text: "fox fox fox fox"}, "word_repetition"},
		{"half repeats", shard.Candidate{Text: "red fox red fox"}, ""},
		{"short texts may repeat", shard.Candidate{Text: "bye bye bye"}, ""},
		{"file name", shard.Candidate{Text: "red-fox_01.JPG"}, "file_name"},
		{"camera's name", shard.Candidate{Text: "DSC_0042"}, "file_name"},
		{"camera's name with space", shard.Candidate{Text: "image 12"}, "file_name"},
		{"speaks of a file", shard.Candidate{Text: "save as fox.jpg"}, ""},
		{"address", shard.Candidate{Text: "https://example.org/fox"}, "address"},
		{"mail", shard.Candidate{Text: "fox@example.org"}, "address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.candidate.TextSource == "" {
				tt.candidate.TextSource = "alt"
			}
			reason, detail := Apply(rules, &tt.candidate)
			if reason != tt.want {
				t.Errorf("%q: reason %q (%s), want %q", tt.candidate.Text, reason, detail, tt.want)
			}
			if reason != "" && detail == "" {
				t.Errorf("%s gives no detail", reason)
			}
		})
	}
}

func TestPictureRules(t *testing.T) {
	rules := PictureRules(testOptions.Picture)
	for _, tt := range []struct {
		name          string
		width, height int32
		optOut, want  string
	}{
		{"large enough", 64, 64, "", ""},
		{"a pixel short", 63, 200, "", "short_side"},
		{"just three to one", 300, 100, "", ""},
		{"too long", 301, 100, "", "aspect_ratio"},
		{"too tall", 100, 301, "", "aspect_ratio"},
		{"opts out", 640, 480, "noimageindex", "picture_opt_out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := shard.Image{OriginalWidth: tt.width, OriginalHeight: tt.height, OptOut: tt.optOut}
			if reason, detail := Apply(rules, &img); reason != tt.want {
				t.Errorf("%dx%d: reason %q (%s), want %q", tt.width, tt.height, reason, detail, tt.want)
			}
		})
	}
}

func TestZeroTurnsRulesOff(t *testing.T) {
	off := Options{Text: TextOptions{Sources: []string{"alt"}}}
	c := shard.Candidate{Text: "x x x x x x x x.jpg", TextSource: "alt", OptOut: "noai"}
	if reason, detail := Apply(TextRules(off.Text), &c); reason != "" {
		t.Errorf("text dropped by %s: %s", reason, detail)
	}
	if reason, detail := Apply(PictureRules(off.Picture), &shard.Image{OriginalWidth: 1, OriginalHeight: 900}); reason != "" {
		t.Errorf("picture dropped by %s: %s", reason, detail)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Text.Sources = nil }, "text.sources"},
		{func(o *Options) { o.Text.MaxWords = 1 }, "max_words"},
		{func(o *Options) { o.Text.MaxCharacters = 1 }, "max_characters"},
	} {
		o := testOptions
		tt.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error is %v, want it to name %s", err, tt.want)
		}
	}
}
