package filter

import (
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// off has no rule on.
func off() Options {
	return Options{Text: TextOptions{Sources: []string{"alt"}, FlaggedWords: "none", PersonalData: "keep"}}
}

// textTables has a table for each text rule: what it drops and what it lets pass,
// all other rules being off.
var textTables = []struct {
	rule  string
	set   func(o *TextOptions)
	drops []string
	keeps []string
}{
	{"boilerplate", func(o *TextOptions) { o.DropBoilerplate = true },
		[]string{"Image", "image 12", "Featured Image", "LOGO", "Photo of", "Click to enlarge", "A red fox - click to enlarge", "Image may contain: 1 person, smiling",
			"red fox, this image may contain dogs", "Click here for the fox", "No image available", "Fox Stock Photo", "Zum Vergrößern klicken", "user’s avatar of Anna"},
		[]string{"A photo of a red fox", "Image of a red fox", "logo of the red fox club", "12", "", "a picture stock", "livestock photo", "he said click", "狐狸 image"}},
	{"blocked_word", func(o *TextOptions) { o.BlockedWords = []string{"Fox", "black  Swan", "狐狸", "c++", "---"} },
		[]string{"a red FOX", "fox", "the black swan", "雪中的狐狸", "learn C++ now"},
		[]string{"foxes", "black", "black and swan", "a swan", "狐", "---", "c", ""}},
	{"flagged_words", func(o *TextOptions) { o.FlaggedWords, o.MaxFlaggedWords = "english", 0.1 },
		[]string{"nude photo", "a cleveland steamer in the harbour"},
		[]string{"a red fox", "cleveland steamer is one of thirty words " + strings.Repeat("fox in the snow ", 20), "", "!"}},
	{"special_characters", func(o *TextOptions) { o.MaxSpecialCharacters = 0.3 },
		[]string{"a b c d", "12.5 x 4", "*** fox ***", "№ 5", "🦊🦊🦊fox", "۱۲۳ abc"},
		[]string{"A red fox in the snow.", "狐狸在雪中", "ha\u0301lo", "नमस्ते", ""}},
	{"digits", func(o *TextOptions) { o.MaxDigits = 0.5 },
		[]string{"12345 ab", "2012-11-26", "١٢٣ab"},
		[]string{"fox 1234", "12ab", ""}},
	{"personal_data", func(o *TextOptions) { o.PersonalData = "drop" },
		[]string{"write to red.fox@example.org", "call 555-0123", "+47 22 85 50 50"},
		[]string{"a red fox in 2012-2013", "@redfox", "fox @ home.", "f@x"}},
	{"stop_words", func(o *TextOptions) { o.MinStopWords = 0.3 },
		[]string{"red fox snow winter", "fox"},
		[]string{"The fox is in the snow", "", "fox of", "it's red"}},
	{"no_noun", func(o *TextOptions) { o.Require = []string{"noun"} },
		[]string{"very beautiful", "the best of the", "running very quickly", "12 of 34", "in the", "", "2012"},
		[]string{"a fox", "beautiful foxes", "Tromsø", "the building is tall", "walking the dogs"}},
	{"no_determiner", func(o *TextOptions) { o.Require = []string{"determiner"} },
		[]string{"red fox in snow", "fox"},
		[]string{"the fox", "A red fox", "my dog"}},
	{"no_preposition", func(o *TextOptions) { o.Require = []string{"preposition"} },
		[]string{"the red fox", "foxes and dogs"},
		[]string{"fox in snow", "a view OF the sea"}},
	{"character_repetition", func(o *TextOptions) { o.MaxCharacterRepetition = 0.1 },
		[]string{"buy cheap foxes buy cheap foxes buy cheap foxes", "aaaaaaaaaaaaaaaaaaaa", "狐狸在雪中睡觉的时候啊狐狸在雪中睡觉的时候啊"},
		[]string{"A red fox sleeps in the snow beside an old wooden fence", "aaaaaaaaaa", "fox", ""}},
	{"sequence_repetition", func(o *TextOptions) { o.MaxSequenceRepetition = 0.1 },
		[]string{"one two three four five one two three four five", "a a a a a a"},
		[]string{"one two three four one two three four", "a red fox sleeps in the snow beside a red fox sleeps by the sea", "", "a a a a a"}},
	{"language", func(o *TextOptions) { o.Languages = []string{"en", "no"} },
		[]string{"Ein roter Fuchs schläft im Schnee neben einem alten Zaun", "Un renard roux dort dans la neige près d'une clôture", "狐狸在雪中睡觉", "", "?!"},
		[]string{"A red fox sleeps in the snow beside an old wooden fence", "A RED FOX SLEEPS IN THE SNOW BESIDE A FENCE", "En rødrev sover i snøen ved siden av et gammelt gjerde"}},
	{"language_confidence", func(o *TextOptions) { o.MinLanguageConfidence = 0.6 },
		[]string{"", "Fox", "?!"},
		[]string{"A red fox sleeps in the snow beside an old wooden fence", "Ein roter Fuchs schläft im Schnee neben einem alten Zaun"}},
}

func TestTextTables(t *testing.T) {
	asked := map[string]bool{}
	for _, tt := range textTables {
		asked[tt.rule] = true
		o := off()
		tt.set(&o.Text)
		rules := TextRules(o.Text)
		check := func(s, want string) {
			var text Text
			text.Set(&shard.Candidate{Text: s, TextSource: "alt"})
			if got := verdict(t, rules, &text); got != want {
				t.Errorf("%s: %q is dropped by %q, want %q", tt.rule, s, got, want)
			}
		}
		for _, s := range tt.drops {
			check(s, tt.rule)
		}
		for _, s := range tt.keeps {
			check(s, "")
		}
	}
	for _, r := range TextRules(off().Text) {
		if tabled := asked[r.Name] || inTextRulesTest[r.Name]; !tabled {
			t.Errorf("%s has no table", r.Name)
		}
	}
}

// inTextRulesTest are the rules whose cases are in TestTextRules.
var inTextRulesTest = map[string]bool{"page_opt_out": true, "undecodable_text": true, "text_source": true, "characters": true,
	"address": true, "file_name": true, "words": true, "word_repetition": true}

// pictureTables has a table for each picture rule.
var pictureTables = []struct {
	rule  string
	set   func(o *PictureOptions)
	drops []shard.Image
	keeps []shard.Image
}{
	{"format", func(o *PictureOptions) { o.Formats = []string{"jpeg", "png"} },
		[]shard.Image{{OriginalFormat: "gif"}, {}}, []shard.Image{{OriginalFormat: "jpeg"}, {OriginalFormat: "png"}}},
	{"file_size", func(o *PictureOptions) { o.MinBytes = 5000 },
		[]shard.Image{{OriginalBytes: 4999}, {}}, []shard.Image{{OriginalBytes: 5000}}},
	{"long_side", func(o *PictureOptions) { o.MaxLongSide = 300 },
		[]shard.Image{{OriginalWidth: 301, OriginalHeight: 1}, {OriginalWidth: 1, OriginalHeight: 301}}, []shard.Image{{OriginalWidth: 300, OriginalHeight: 300}}},
	{"pixels", func(o *PictureOptions) { o.MinPixels, o.MaxPixels = 100, 6_000_000_000 },
		[]shard.Image{{OriginalWidth: 9, OriginalHeight: 11}, {OriginalWidth: 100_000, OriginalHeight: 60_001}},
		[]shard.Image{{OriginalWidth: 10, OriginalHeight: 10}, {OriginalWidth: 100_000, OriginalHeight: 60_000}}},
	{"animated_picture", func(o *PictureOptions) { o.DropAnimated = true },
		[]shard.Image{{Frames: 2}}, []shard.Image{{Frames: 1}, {}}},
	{"flat_picture", func(o *PictureOptions) { o.MinSpread = 2.5 },
		[]shard.Image{{Frames: 1, Spread: 249}, {Frames: 1}}, []shard.Image{{Frames: 1, Spread: 250}, {Frames: 3, Spread: 9000}, {Spread: 0}}},
}

func TestPictureTables(t *testing.T) {
	asked := map[string]bool{"picture_opt_out": true, "short_side": true, "aspect_ratio": true} // in TestPictureRules
	for _, tt := range pictureTables {
		asked[tt.rule] = true
		var o PictureOptions
		tt.set(&o)
		rules := PictureRules(o)
		for _, i := range tt.drops {
			if got := verdict(t, rules, &i); got != tt.rule {
				t.Errorf("%s: %+v is dropped by %q", tt.rule, i, got)
			}
		}
		for _, i := range tt.keeps {
			if got := verdict(t, rules, &i); got != "" {
				t.Errorf("%s: %+v is dropped by %q, want it kept", tt.rule, i, got)
			}
		}
	}
	for _, r := range PictureRules(PictureOptions{}) {
		if !asked[r.Name] {
			t.Errorf("%s has no table", r.Name)
		}
	}
}

func TestMaskPersonal(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a red fox", "a red fox"},
		{"", ""},
		// Mail addresses.
		{"fox@example.org", "***"},
		{"write to red.fox+snow@den.example.org.", "write to ***."},
		{"<fox@example.org>, (owl@example.org)", "<***>, (***)"},
		{"føx@exämple.no", "***"},
		{"a@b", "a@b"},
		{"@fox.org", "@fox.org"},
		{"fox @ example.org", "fox @ example.org"},
		{"fox@example", "fox@example"},
		{"fox@example..org", "fox@example..org"},
		{"2 foxes @ 3.50 each", "2 foxes @ 3.50 each"},
		{"fox@3.50", "fox@3.50"},
		{"a@@b.org c@d.org", "a@@b.org ***"},
		// Telephone numbers.
		{"+47 22 85 50 50", "***"},
		{"+1 (555) 012-3456 x2", "*** x2"},
		{"(555) 012-3456", "***"},
		{"555-012-3456", "***"},
		{"1-555-012-3456", "***"},
		{"555.012.3456", "***"},
		{"Tel: 12 34 56", "Tel: ***"},
		{"Fax. 123456", "Fax. 123456"},
		{"phone 5550123456", "phone ***"},
		{"Tél. : 01 23 45 67 89", "Tél. : ***"},
		{"020 7946 0958", "***"},
		{"01 23 45 67 89", "***"},
		{"030/12345678", "***"},
		{"call 555-0123 or mail fox@example.org", "call *** or mail ***"},
		{"hotel 123456", "hotel 123456"},
		// What looks like one.
		{"5550123456", "5550123456"},
		{"2012-11-26", "2012-11-26"},
		{"26.11.2012 10:30", "26.11.2012 10:30"},
		{"1990-1995, 2000-2005", "1990-1995, 2000-2005"},
		{"ISBN 978-0-306-40615-7", "ISBN 978-0-306-40615-7"},
		{"192.168.100.100", "192.168.100.100"},
		{"1920 x 1080", "1920 x 1080"},
		{"$1,234,567.89", "$1,234,567.89"},
		{"0.123456789", "0.123456789"},
		{"123 456 7890mm", "123 456 7890mm"},
		{"IMG_555-012-3456", "IMG_555-012-3456"},
		{"part 555-012-34567", "part 555-012-34567"},
	} {
		if got := MaskPersonal(tt.text); got != tt.want {
			t.Errorf("MaskPersonal(%q) = %q, want %q", tt.text, got, tt.want)
		}
		if got := MaskPersonal(tt.want); got != tt.want {
			t.Errorf("masking %q again gives %q", tt.want, got)
		}
	}
}

func FuzzMaskPersonal(f *testing.F) {
	for _, s := range []string{"call +1 (555) 012-3456", "fox@example.org", "0 0@0.00", "tel 12 34 56(", "\xff@\xff.aa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		masked := MaskPersonal(s)
		if again := MaskPersonal(masked); again != masked {
			t.Errorf("masking %q gives %q, and again %q", s, masked, again)
		}
		var text Text
		text.Set(&shard.Candidate{Text: s})
		if got, want := personalData(true).Drop(&text), masked != s; got != want {
			t.Errorf("%q is dropped: %v, and masked: %v", s, got, want)
		}
	})
}
