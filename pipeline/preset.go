package pipeline

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

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

// ours are the keys of the filter section that a preset leaves at their defaults: where
// texts come from, and what a site asks for.
var ours = []string{"filter.text.sources", "filter.text.obey_opt_out", "filter.picture.obey_opt_out",
	"filter.text.flagged_words", "filter.text.max_flagged_words", "filter.text.personal_data"}

// Values are the preset's values by dotted keys, as YAML: its own, and of all other
// rules of the filter section that they are off, those among them that are on by
// default.
func (p *Preset) Values() map[string]string {
	values := map[string]string{"dedup.max_pictures_per_text": "0"}
	settings.Walk(reflect.ValueOf(filter.Options{}), func(path string, f settings.Field) {
		key := "filter." + path
		switch {
		case slices.Contains(ours, key):
		case f.Value.Kind() == reflect.Slice:
			values[key] = "[]"
		case f.Value.Kind() == reflect.Bool:
			values[key] = "false"
		default:
			values[key] = "0"
		}
	})
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
