package main

import (
	"fmt"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

func newPresets(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "presets [NAME]", Short: "Show the rules of published datasets, and which of them can be followed",
		Long: `Show the presets that pairloom init --preset takes: the filter rules of published
datasets. With a name, each rule of that one: the keys and values that reproduce
it, where they differ from it, why those rules that cannot be reproduced cannot,
and what else drops pairs.`,
		Example: `  pairloom presets coyo`,
		Args:    optionalArgument("the name of a preset"), ValidArgsFunction: completePresets,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return g.listPresets()
			}
			p, err := pipeline.FindPreset(args[0])
			if err != nil {
				return &exitError{exitConfiguration, err}
			}
			if g.json {
				return g.printJSON(presetReport{p, p.Values(), p.Stays()})
			}
			fmt.Fprint(g.stdout, presetText(p))
			return nil
		},
	}
}

// presetReport is a preset with its values, for programs.
type presetReport struct {
	*pipeline.Preset
	Values map[string]string  `json:"values"`
	Stays  []pipeline.Staying `json:"stays"`
}

func (g *global) listPresets() error {
	if g.json {
		var list []presetReport
		for i := range pipeline.Presets {
			p := &pipeline.Presets[i]
			list = append(list, presetReport{p, p.Values(), p.Stays()})
		}
		return g.printJSON(map[string]any{"presets": list})
	}
	for _, p := range pipeline.Presets {
		reproduced := 0
		for _, r := range p.Rules {
			if r.Reproduced() {
				reproduced++
			}
		}
		fmt.Fprintf(g.stdout, "%-15s %2d of %2d rules  %s\n", p.Name, reproduced, len(p.Rules), p.About)
	}
	return nil
}

// presetText says a preset to people.
func presetText(p *pipeline.Preset) string {
	var b, left strings.Builder
	values := p.Values()
	fmt.Fprintf(&b, "%s\n\nreproduced:\n", p.About)
	for _, r := range p.Rules {
		if !r.Reproduced() {
			fmt.Fprintf(&left, "  %s\n    %s\n", r.Rule, r.Note)
			continue
		}
		fmt.Fprintf(&b, "  %s\n", r.Rule)
		for _, key := range r.Keys {
			fmt.Fprintf(&b, "    %s: %s\n", key, values[key])
		}
		if r.Always {
			b.WriteString("    always\n")
		}
		if r.Note != "" {
			fmt.Fprintf(&b, "    but: %s\n", r.Note)
		}
	}
	if left.Len() > 0 {
		fmt.Fprintf(&b, "not reproduced:\n%s", &left)
	}
	b.WriteString("stays on beside them:\n")
	for _, s := range p.Stays() {
		fmt.Fprintf(&b, "  %s\n    %s\n", s.Key, s.Why)
	}
	fmt.Fprintf(&b, "All other rules of the sections filter and dedup, and match.placeholder_texts and max_url_uses, are off. To use it: pairloom init FOLDER --preset %s\n", p.Name)
	return b.String()
}

func completePresets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, p := range pipeline.Presets {
		list = append(list, cobra.CompletionWithDesc(p.Name, p.About))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
