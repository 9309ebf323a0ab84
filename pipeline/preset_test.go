package pipeline

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/settings"
)

// updateFilters is a name of its own: the package's other golden files have theirs.
var updateFilters = flag.Bool("update-filters", false, "rewrite the presets in docs/filters.md")

const filtersPage = "../docs/filters.md"

// presetsMarkdown is what docs/filters.md says of the presets.
func presetsMarkdown() string {
	var b strings.Builder
	for i := range Presets {
		p := &Presets[i]
		fmt.Fprintf(&b, "### %s\n\n%s.\n\n| rule | reproduced by | but |\n|---|---|---|\n", p.Name, p.About)
		values := p.Values()
		for _, r := range p.Rules {
			how := "**not**"
			if r.Always {
				how = "always"
			}
			for k, key := range r.Keys {
				if k == 0 {
					how = ""
				} else {
					how += "<br>"
				}
				how += "`" + key + ": " + values[key] + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Rule, how, r.Note)
		}
		b.WriteByte('\n')
	}
	b.WriteString("### What stays on\n\nBeside the rules of a preset, unless it sets them:\n\n| key | what it does |\n|---|---|\n")
	for _, s := range stays {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.Key, s.Why)
	}
	b.WriteByte('\n')
	return b.String()
}

// TestFiltersPage holds the tables of the page to the presets.
func TestFiltersPage(t *testing.T) {
	page, err := os.ReadFile(filtersPage)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- presets: go test ./pipeline -run FiltersPage -update-filters -->\n"), []byte("<!-- end of presets -->")
	head, rest, ok := bytes.Cut(page, begin)
	got, tail, closed := bytes.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the presets between %q and %q", filtersPage, begin, end)
	}
	want := presetsMarkdown()
	if string(got) == want {
		return
	}
	if !*updateFilters {
		t.Fatalf("%s differs from the presets; look at it with go test ./pipeline -run FiltersPage -update-filters and git diff", filtersPage)
	}
	if err := os.WriteFile(filtersPage, bytes.Join([][]byte{head, begin, []byte(want), end, tail}, nil), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPresetsSetKeysThatExist holds each preset to the keys there are, and each rule that
// is not reproduced to a reason.
func TestPresetsSetKeysThatExist(t *testing.T) {
	known := map[string]bool{}
	settings.Walk(reflect.ValueOf(Options{}), func(path string, _ settings.Field) { known[path] = true })
	names := map[string]bool{}
	for i := range Presets {
		p := &Presets[i]
		if names[p.Name] {
			t.Errorf("two presets are called %s", p.Name)
		}
		names[p.Name] = true
		for key := range p.Values() {
			if !known[key] {
				t.Errorf("%s sets %s, which is no key", p.Name, key)
			}
		}
		for _, r := range p.Rules {
			if !r.Reproduced() && r.Note == "" {
				t.Errorf("%s does not say why %q is not reproduced", p.Name, r.Rule)
			}
		}
	}
	for _, name := range []string{"clip", "cc3m", "cc12m", "laion400m", "laion5b", "align", "coyo", "datacomp-basic", "obelics"} {
		if !names[name] {
			t.Errorf("there is no preset %s", name)
		}
	}
}

// TestPresetsLeaveNoRuleOn holds that each key that can drop a pair is set by the recipe,
// off, or told of as staying; a new key of these sections must be one of these too.
func TestPresetsLeaveNoRuleOn(t *testing.T) {
	dropsNothing := append([]string{"match.queries", "match.mode", "match.part_pairs", "balance.mode", "balance.margin"}, idle...)
	for i := range Presets {
		p := &Presets[i]
		values, told := p.Values(), map[string]bool{}
		for _, s := range p.Stays() {
			told[s.Key] = true
		}
		settings.Walk(reflect.ValueOf(Options{}), func(key string, f settings.Field) {
			section, _, _ := strings.Cut(key, ".")
			if !slices.Contains([]string{"filter", "dedup", "match", "balance"}, section) || slices.Contains(dropsNothing, key) {
				return
			}
			value, set := values[key]
			_, own := p.own[key]
			isOff := slices.Contains([]string{"0", "false", "[]", "none", "keep"}, value)
			switch {
			case set && told[key]:
				t.Errorf("%s sets %s and says that it stays as it is", p.Name, key)
			case !set && !told[key]:
				t.Errorf("%s leaves %s on and does not say so", p.Name, key)
			case set && !own && !isOff:
				t.Errorf("%s sets %s to %s, which no rule of it asks for", p.Name, key, value)
			}
		})
	}
}

// TestFiltersPageNamesEachRule holds the page to the rules and keys there are.
func TestFiltersPageNamesEachRule(t *testing.T) {
	page, err := os.ReadFile(filtersPage)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range filter.TextRules(filter.TextOptions{}) {
		names = append(names, r.Name)
	}
	for _, r := range filter.PictureRules(filter.PictureOptions{}) {
		names = append(names, r.Name)
	}
	settings.Walk(reflect.ValueOf(filter.Options{}), func(path string, _ settings.Field) {
		_, key, _ := strings.Cut(path, ".")
		names = append(names, key)
	})
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), "`"+name+":") {
			t.Errorf("%s says nothing of %s", filtersPage, name)
		}
	}
}
