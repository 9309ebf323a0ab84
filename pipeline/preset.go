package pipeline

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/settings"
)

// Preset is the recipe of a published dataset, as values of the configuration. Of its
// rules it tells which they reproduce.
type Preset struct {
	Name  string       `json:"name"`
	About string       `json:"about"`
	Rules []PresetRule `json:"rules"`

	own map[string]string // values that its rules set, by key, as YAML
}

// PresetRule is one rule of a recipe. It is reproduced when keys set it or when
// pairloom always does it.
type PresetRule struct {
	Rule   string   `json:"rule"`
	Keys   []string `json:"keys,omitempty"`
	Always bool     `json:"always,omitempty"`
	Note   string   `json:"note,omitempty"` // where it differs, or why it is not reproduced
}

// Reproduced tells whether the preset, or pairloom by itself, does what the rule says.
func (r PresetRule) Reproduced() bool { return r.Always || len(r.Keys) > 0 }

// off are the values that turn off those rules that 0, false or an empty list does not.
var off = map[string]string{"dedup.exact": "none", "filter.text.flagged_words": "none", "filter.text.personal_data": "keep",
	"match.placeholder_texts": "0", "match.max_url_uses": "0"}

// idle are keys of the sections filter and dedup that drop nothing while the rule that
// they are part of is off.
var idle = []string{"filter.text.max_flagged_words", "dedup.text_min_characters", "dedup.against_distance",
	"dedup.against_correlation", "dedup.against_text_similarity", "dedup.against_text_words"}

// Staying is a key that drops pairs beside a recipe, since no preset sets it.
type Staying struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

var stays = []Staying{
	{"filter.text.obey_opt_out", "a page's wish not to be trained on: no preset turns it off"},
	{"filter.picture.obey_opt_out", "and a picture's"},
	{"gate.respect", "and the wishes of sites that say what may be asked for"},
	{"filter.text.sources", "texts come from captions and titles too, and one source of a picture's texts is preferred; [alt] takes alt texts alone"},
	{"match.keep_without_query", "a text without a query of the list is dropped; true keeps it"},
	{"balance.max_pairs_per_query", "a query keeps at most so many pairs; 0 keeps all"},
	{"gate.max_picture_bytes", "a file with more bytes is dropped"},
	{"fetch.max_megapixels", "a picture with more is dropped undecoded"},
}

// Stays are the keys that drop pairs beside the preset's rules.
func (p *Preset) Stays() []Staying {
	return slices.DeleteFunc(slices.Clone(stays), func(s Staying) bool { return p.own[s.Key] != "" })
}

// Values are the preset's values by dotted keys, as YAML: its own, and of all other
// rules over texts, pictures and what repeats that they are off, those among them that
// are on by default; but for what Stays tells.
func (p *Preset) Values() map[string]string {
	values := maps.Clone(off)
	set := func(key string, f settings.Field) {
		stay := func(s Staying) bool { return s.Key == key }
		switch {
		case off[key] != "" || slices.Contains(idle, key) || slices.ContainsFunc(stays, stay):
		case f.Value.Kind() == reflect.Slice:
			values[key] = "[]"
		case f.Value.Kind() == reflect.Bool:
			values[key] = "false"
		default:
			values[key] = "0"
		}
	}
	settings.Walk(reflect.ValueOf(filter.Options{}), func(path string, f settings.Field) { set("filter."+path, f) })
	settings.Walk(reflect.ValueOf(dedup.Options{}), func(path string, f settings.Field) { set("dedup."+path, f) })
	maps.Copy(values, p.own)
	return values
}

// Own are the keys that the preset's rules set, in order, with their values.
func (p *Preset) Own() []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(p.own)) {
		list = append(list, key+": "+p.own[key])
	}
	return list
}

// FindPreset finds a preset by its name.
func FindPreset(name string) (*Preset, error) {
	var names []string
	for i := range Presets {
		if Presets[i].Name == name {
			return &Presets[i], nil
		}
		names = append(names, Presets[i].Name)
	}
	return nil, fmt.Errorf("there is no preset %q; the presets are %s", name, strings.Join(names, ", "))
}

// recipe makes a preset of rules, each with the values that reproduce it.
func recipe(name, about string, rules ...ruleWith) Preset {
	p := Preset{Name: name, About: about, own: map[string]string{}}
	for _, r := range rules {
		for _, set := range r.set {
			key, value, ok := strings.Cut(set, "=")
			if old, twice := p.own[key]; !ok || twice && old != value {
				panic("preset " + name + ": " + set)
			}
			p.own[key] = value
			r.Keys = append(r.Keys, key)
		}
		p.Rules = append(p.Rules, r.PresetRule)
	}
	return p
}

type ruleWith struct {
	PresetRule
	set []string // KEY=VALUE
}

// by is a rule that the values reproduce, but for what the note says.
func by(rule, note string, set ...string) ruleWith {
	return ruleWith{PresetRule{Rule: rule, Note: note}, set}
}

// always is a rule that pairloom follows whatever is set.
func always(rule, note string) ruleWith {
	return ruleWith{PresetRule{Rule: rule, Always: true, Note: note}, nil}
}

// not is a rule that is not reproduced.
func not(rule, why string) ruleWith { return ruleWith{PresetRule{Rule: rule, Note: why}, nil} }
