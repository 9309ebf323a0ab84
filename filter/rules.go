package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	DropFileNames     bool     `yaml:"drop_file_names" default:"true" doc:"drop texts that are a file name, such as IMG_0042.JPG"`
	DropAddresses     bool     `yaml:"drop_addresses" default:"true" doc:"drop texts that are a web or mail address"`
	ObeyOptOut        bool     `yaml:"obey_opt_out" default:"true" doc:"drop pairs whose page opts out of use for training; false only records it"`
}

// PictureOptions are the settings of the picture rules.
type PictureOptions struct {
	MinShortSide   int     `yaml:"min_short_side" default:"64" range:"0.." doc:"least short side of the original picture in pixels (DataComp, COYO: 200)"`
	MaxAspectRatio float64 `yaml:"max_aspect_ratio" default:"3" range:"0.." doc:"greatest ratio of long to short side of the original picture (DataComp, COYO: 3)"`
	ObeyOptOut     bool    `yaml:"obey_opt_out" default:"true" doc:"drop pairs whose picture opts out of use for training; false only records it"`
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
	return errors.Join(faults...)
}

// TextRules lists the rules over a candidate's text and page.
func TextRules(o TextOptions) []Rule[Text] {
	return []Rule[Text]{
		pageOptOut(o.ObeyOptOut),
		undecodable(),
		textSource(o.Sources),
		characters(o.MinCharacters, o.MaxCharacters),
		address(o.DropAddresses),
		fileName(o.DropFileNames),
		words(o.MinWords, o.MaxWords),
		repetition(o.MaxWordRepetition),
	}
}

// PictureRules lists the rules over a fetched picture.
func PictureRules(o PictureOptions) []Rule[shard.Image] {
	return []Rule[shard.Image]{
		pictureOptOut(o.ObeyOptOut),
		shortSide(o.MinShortSide),
		aspectRatio(o.MaxAspectRatio),
	}
}
