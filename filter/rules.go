package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/filter/language"
	"github.com/pairloom/pairloom/shard"
)

// Options are the settings of all rules. A threshold of 0 turns its rule off.
type Options struct {
	Text    TextOptions    `yaml:"text" doc:"rules over texts, applied before a picture is fetched"`
	Picture PictureOptions `yaml:"picture" doc:"rules over fetched pictures"`
}

// TextOptions are the settings of the text rules.
type TextOptions struct {
	Sources           []string `yaml:"sources" default:"alt,list,figcaption,title,aria-label,og:image:alt,json-ld" doc:"where a text may come from, in order of preference when one picture has several"`
	MinWords          int      `yaml:"min_words" default:"2" range:"0.." doc:"least number of words of a text (DataComp, CC12M: 3)"`
	MaxWords          int      `yaml:"max_words" default:"256" range:"0.." doc:"greatest number of words of a text (CC12M, COYO: 256)"`
	MinCharacters     int      `yaml:"min_characters" default:"5" range:"0.." doc:"least number of characters of a text (LAION: 5)"`
	MaxCharacters     int      `yaml:"max_characters" default:"1000" range:"0.." doc:"greatest number of characters of a text (COYO: 1000)"`
	MaxWordRepetition float64  `yaml:"max_word_repetition" default:"0.5" range:"0..1" doc:"greatest share of a text's words that stood in it before; 0 turns the rule off (CC12M: 0.2)"`
	// Rules of published recipes; all are off by default.
	MaxCharacterRepetition float64  `yaml:"max_character_repetition" default:"0" range:"0..1" doc:"greatest share of sequences of 10 characters that repeat; 0 turns the rule off (OBELICS: 0.1)"`
	MaxSequenceRepetition  float64  `yaml:"max_sequence_repetition" default:"0" range:"0..1" doc:"greatest share of sequences of 5 words that repeat; 0 turns the rule off (OBELICS: 0.1)"`
	MaxSpecialCharacters   float64  `yaml:"max_special_characters" default:"0" range:"0..1" doc:"greatest share of characters that are no letters: digits, white space, punctuation, symbols; 0 turns the rule off (OBELICS: 0.3)"`
	MaxDigits              float64  `yaml:"max_digits" default:"0" range:"0..1" doc:"greatest share of characters that are digits; 0 turns the rule off"`
	MinStopWords           float64  `yaml:"min_stop_words" default:"0" range:"0..1" doc:"least share of English words such as the, of, is; 0 turns the rule off (OBELICS: 0.3)"`
	Languages              []string `yaml:"languages" default:"" doc:"languages that a text may be in, as detected in it, by their codes (en, pt, zh); none allows all"`
	MinLanguageConfidence  float64  `yaml:"min_language_confidence" default:"0" range:"0..1" doc:"least confidence that a text is in the language detected; 0 turns the rule off"`
	Require                []string `yaml:"require" default:"" doc:"classes of English words of which a text must have one: noun, determiner, preposition (CC3M: all three)"`
	BlockedWords           []string `yaml:"blocked_words" default:"" doc:"words and phrases; a text that contains one is dropped"`
	FlaggedWords           string   `yaml:"flagged_words" default:"none" choices:"none|english" doc:"list of flagged words that max_flagged_words goes by: one of 403 words and phrases in English ships"`
	MaxFlaggedWords        float64  `yaml:"max_flagged_words" default:"0.01" range:"0..1" doc:"greatest share of words that are flagged (OBELICS: 0.01)"`
	PersonalData           string   `yaml:"personal_data" default:"keep" choices:"keep|mask|drop" doc:"what is done with a text that holds a mail address or a telephone number: keep it, put *** there, or drop it"`
	DropBoilerplate        bool     `yaml:"drop_boilerplate" default:"false" doc:"drop texts that pages put beside any picture, such as click to enlarge"`
	DropFileNames          bool     `yaml:"drop_file_names" default:"true" doc:"drop texts that are a file name, such as IMG_0042.JPG"`
	DropAddresses          bool     `yaml:"drop_addresses" default:"true" doc:"drop texts that are a web or mail address"`
	ObeyOptOut             bool     `yaml:"obey_opt_out" default:"true" doc:"drop pairs whose page opts out of use for training; false only records it"`
}

// PictureOptions are the settings of the picture rules.
type PictureOptions struct {
	MinShortSide   int      `yaml:"min_short_side" default:"64" range:"0.." doc:"least short side of the original picture in pixels (DataComp, COYO: 200)"`
	MaxLongSide    int      `yaml:"max_long_side" default:"0" range:"0.." doc:"greatest long side of the original picture in pixels; 0 means no limit (OBELICS: 20000)"`
	MinPixels      int      `yaml:"min_pixels" default:"0" range:"0.." doc:"least number of pixels, width times height of the original picture"`
	MaxPixels      int      `yaml:"max_pixels" default:"0" range:"0.." doc:"greatest number of pixels of the original picture; 0 means no limit"`
	MinBytes       int      `yaml:"min_bytes" default:"0" range:"0.." doc:"least size of the original file in bytes (LAION, COYO: 5000)"`
	MinSpread      float64  `yaml:"min_spread" default:"0" range:"0..128" doc:"least standard deviation of a picture's brightness, of 256 levels: 0 is one flat colour"`
	Formats        []string `yaml:"formats" default:"" doc:"formats that an original picture may have, such as jpeg, png, webp; none allows all (CC3M: jpeg)"`
	DropAnimated   bool     `yaml:"drop_animated" default:"false" doc:"drop pictures of more than one frame"`
	MaxAspectRatio float64  `yaml:"max_aspect_ratio" default:"3" range:"0.." doc:"greatest ratio of long to short side of the original picture (DataComp, COYO: 3)"`
	ObeyOptOut     bool     `yaml:"obey_opt_out" default:"true" doc:"drop pairs whose picture opts out of use for training; false only records it"`
}

// Validate reports every fault that concerns more than one value.
func (o Options) Validate() error {
	var faults []error
	t := o.Text
	if len(t.Sources) == 0 {
		faults = append(faults, errors.New("text.sources is empty: no text could pass"))
	}
	for i, source := range t.Sources {
		if !slices.Contains(shard.TextSources, source) {
			faults = append(faults, fmt.Errorf("text.sources has %q; the sources are %s", source, strings.Join(shard.TextSources, ", ")))
		}
		if slices.Contains(t.Sources[:i], source) {
			faults = append(faults, fmt.Errorf("text.sources has %s twice", source))
		}
	}
	if t.MaxWords > 0 && t.MaxWords < t.MinWords {
		faults = append(faults, fmt.Errorf("text.max_words %d is less than text.min_words %d", t.MaxWords, t.MinWords))
	}
	if t.MaxCharacters > 0 && t.MaxCharacters < t.MinCharacters {
		faults = append(faults, fmt.Errorf("text.max_characters %d is less than text.min_characters %d", t.MaxCharacters, t.MinCharacters))
	}
	for _, code := range t.Languages {
		if !slices.Contains(language.Shared().Codes(), code) {
			faults = append(faults, fmt.Errorf("text.languages has %q, which is no code of a language that is detected; those are ISO 639-1's, such as en, pt, zh", code))
		}
	}
	for _, class := range t.Require {
		if !slices.Contains(Classes, class) {
			faults = append(faults, fmt.Errorf("text.require has %q; the classes are %s", class, strings.Join(Classes, ", ")))
		}
	}
	for _, entry := range t.BlockedWords {
		if len(newPhrases([]string{entry}, nil).list) == 0 {
			faults = append(faults, fmt.Errorf("text.blocked_words has %q, in which there is no word: it blocks nothing; take it out", entry))
		}
	}
	for _, format := range o.Picture.Formats {
		if !slices.Contains(Formats, format) {
			faults = append(faults, fmt.Errorf("picture.formats has %q; the formats are %s", format, strings.Join(Formats, ", ")))
		}
	}
	p := o.Picture
	if p.MaxPixels > 0 && p.MaxPixels < p.MinPixels {
		faults = append(faults, fmt.Errorf("picture.max_pixels %d is less than picture.min_pixels %d", p.MaxPixels, p.MinPixels))
	}
	// As floating point, since the squares of settings may be beyond an int.
	square := func(side int) float64 { return float64(side) * float64(side) }
	if p.MaxPixels > 0 && float64(p.MaxPixels) < square(p.MinShortSide) {
		faults = append(faults, fmt.Errorf("picture.max_pixels %d is less than a square of picture.min_short_side %d has (%.0f): no picture could pass", p.MaxPixels, p.MinShortSide, square(p.MinShortSide)))
	}
	if p.MaxLongSide > 0 && square(p.MaxLongSide) < float64(p.MinPixels) {
		faults = append(faults, fmt.Errorf("picture.min_pixels %d is more than a square of picture.max_long_side %d has (%.0f): no picture could pass", p.MinPixels, p.MaxLongSide, square(p.MaxLongSide)))
	}
	if p.MaxAspectRatio > 0 && p.MaxAspectRatio < 1 {
		faults = append(faults, fmt.Errorf("picture.max_aspect_ratio %v is less than 1, and a long side is never shorter than a short one: no picture could pass; use 0 for no limit", p.MaxAspectRatio))
	}
	if p.MaxLongSide > 0 && p.MaxLongSide < p.MinShortSide {
		faults = append(faults, fmt.Errorf("picture.max_long_side %d is less than picture.min_short_side %d", p.MaxLongSide, p.MinShortSide))
	}
	return errors.Join(faults...)
}

// TextRules lists the rules over a candidate's text and page, those that cost least
// first where they do not build on one another.
func TextRules(o TextOptions) []Rule[Text] {
	return slices.Concat([]Rule[Text]{
		pageOptOut(o.ObeyOptOut),
		undecodable(),
		textSource(o.Sources),
		characters(o.MinCharacters, o.MaxCharacters),
		address(o.DropAddresses),
		fileName(o.DropFileNames),
		words(o.MinWords, o.MaxWords),
		repetition(o.MaxWordRepetition),
		boilerplate(o.DropBoilerplate),
		blocked(o.BlockedWords),
		flagged(o.FlaggedWords, o.MaxFlaggedWords),
		special(o.MaxSpecialCharacters),
		digits(o.MaxDigits),
		personalData(o.PersonalData == "drop"),
		stopWords(o.MinStopWords),
	}, classes(o.Require), []Rule[Text]{
		characterRepetition(o.MaxCharacterRepetition),
		sequenceRepetition(o.MaxSequenceRepetition),
		detected(o.Languages),
		confidence(o.MinLanguageConfidence),
	})
}

// PictureRules lists the rules over a fetched picture.
func PictureRules(o PictureOptions) []Rule[shard.Image] {
	return []Rule[shard.Image]{
		pictureOptOut(o.ObeyOptOut),
		format(o.Formats),
		fileSize(o.MinBytes),
		shortSide(o.MinShortSide),
		longSide(o.MaxLongSide),
		pixels(o.MinPixels, o.MaxPixels),
		aspectRatio(o.MaxAspectRatio),
		animated(o.DropAnimated),
		flat(o.MinSpread),
	}
}
