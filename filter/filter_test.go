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

// allOptions has every rule on.
var allOptions = Options{
	Text: TextOptions{
		Sources: []string{"alt", "title"}, MinWords: 2, MaxWords: 256, MinCharacters: 5, MaxCharacters: 1000,
		MaxWordRepetition: 0.5, DropFileNames: true, DropAddresses: true, ObeyOptOut: true,
		MaxCharacterRepetition: 0.1, MaxSequenceRepetition: 0.1, MaxSpecialCharacters: 0.3, MaxDigits: 0.3, MinStopWords: 0.3,
		Languages: []string{"en"}, MinLanguageConfidence: 0.3, Require: Classes, BlockedWords: []string{"owl", "black swan"},
		FlaggedWords: "english", MaxFlaggedWords: 0.1, PersonalData: "drop", DropBoilerplate: true,
	},
	Picture: PictureOptions{
		MinShortSide: 64, MaxAspectRatio: 3, ObeyOptOut: true, MaxLongSide: 200, MinPixels: 100, MaxPixels: 30000,
		MinBytes: 100, MinSpread: 1, Formats: []string{"jpeg"}, DropAnimated: true,
	},
}

// verdict is the name of the rule that drops the record, which must give a detail.
func verdict[T any](t *testing.T, rules []Rule[T], record *T) string {
	t.Helper()
	rule := Apply(rules, record)
	if rule == nil {
		return ""
	}
	if rule.Detail(record) == "" {
		t.Errorf("%s gives no detail", rule.Name)
	}
	return rule.Name
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
		{"bytes that mean nothing", shard.Candidate{Text: "a red f\uFFFDx"}, "undecodable_text"},
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
		{"address in capitals", shard.Candidate{Text: "WWW.EXAMPLE.ORG"}, "address"},
		{"a scheme alone", shard.Candidate{Text: "https://"}, "words"},
		{"mail", shard.Candidate{Text: "fox@example.org"}, "address"},
		{"mail without a point", shard.Candidate{Text: "fox@den red"}, ""},
		{"a point at the end of the host", shard.Candidate{Text: "red@fox."}, ""},
		{"two at signs", shard.Candidate{Text: "red@fox@den.org"}, ""},
		{"a handle", shard.Candidate{Text: "by @red.fox"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.candidate.TextSource == "" {
				tt.candidate.TextSource = "alt"
			}
			var text Text
			text.Set(&tt.candidate)
			if reason := verdict(t, rules, &text); reason != tt.want {
				t.Errorf("%q: reason %q, want %q", tt.candidate.Text, reason, tt.want)
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
			if reason := verdict(t, rules, &img); reason != tt.want {
				t.Errorf("%dx%d: reason %q, want %q", tt.width, tt.height, reason, tt.want)
			}
		})
	}
}

func TestZeroTurnsRulesOff(t *testing.T) {
	off := off()
	c := shard.Candidate{Text: "x x x x x x x x.jpg", TextSource: "alt", OptOut: "noai"}
	var text Text
	text.Set(&c)
	if reason := verdict(t, TextRules(off.Text), &text); reason != "" {
		t.Errorf("text dropped by %s", reason)
	}
	c.Text += "\uFFFD" // has no threshold
	text.Set(&c)
	if reason := verdict(t, TextRules(off.Text), &text); reason != "undecodable_text" {
		t.Errorf("a text that cannot be read: reason %q", reason)
	}
	if reason := verdict(t, PictureRules(off.Picture), &shard.Image{OriginalWidth: 1, OriginalHeight: 900}); reason != "" {
		t.Errorf("picture dropped by %s", reason)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Text.Sources = nil }, "text.sources"},
		{func(o *Options) { o.Text.Sources = []string{"alt", "bogus"} }, `text.sources has "bogus"; the sources are alt, `},
		{func(o *Options) { o.Text.Sources = []string{"alt", "title", "alt"} }, "text.sources has alt twice"},
		{func(o *Options) { o.Text.MaxWords = 1 }, "max_words"},
		{func(o *Options) { o.Text.MaxCharacters = 1 }, "max_characters"},
		{func(o *Options) { o.Text.Languages = []string{"en", "english"} }, `text.languages has "english"`},
		{func(o *Options) { o.Text.Require = []string{"verb"} }, `text.require has "verb"; the classes are noun, `},
		{func(o *Options) { o.Picture.Formats = []string{"jpg"} }, `picture.formats has "jpg"; the formats are jpeg, `},
		{func(o *Options) { o.Picture.MinPixels, o.Picture.MaxPixels = 2, 1 }, "max_pixels"},
		{func(o *Options) { o.Picture.MaxLongSide = 1 }, "max_long_side"},
		{func(o *Options) { o.Text.BlockedWords = []string{"sale", ""} }, `text.blocked_words has "", in which there is no word`},
		{func(o *Options) { o.Text.BlockedWords = []string{"!!!"} }, `text.blocked_words has "!!!", in which there is no word`},
		{func(o *Options) { o.Picture.MaxAspectRatio = 0.5 }, "picture.max_aspect_ratio 0.5 is less than 1"},
		{func(o *Options) { o.Picture.MinShortSide, o.Picture.MaxPixels = 64, 4095 }, "picture.max_pixels 4095 is less than a square of picture.min_short_side 64 has (4096)"},
		{func(o *Options) { o.Picture.MaxLongSide, o.Picture.MinPixels = 100, 10_001 }, "picture.min_pixels 10001 is more than a square of picture.max_long_side 100 has (10000)"},
	} {
		o := testOptions
		tt.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error is %v, want it to name %s", err, tt.want)
		}
	}
	for _, change := range []func(*Options){ // the edges
		func(o *Options) { o.Text.BlockedWords = []string{"Sale!", "click here"} },
		func(o *Options) { o.Picture.MaxAspectRatio = 1 },
		func(o *Options) { o.Picture.MaxAspectRatio = 0 },
		func(o *Options) { o.Picture.MinShortSide, o.Picture.MaxPixels = 64, 4096 },
		func(o *Options) { o.Picture.MaxLongSide, o.Picture.MinPixels = 100, 10_000 },
	} {
		o := testOptions
		change(&o)
		if err := o.Validate(); err != nil {
			t.Errorf("what can work is refused: %v", err)
		}
	}
}
