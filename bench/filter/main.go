// Command filter times the text rules over a file of texts, one a line: each rule
// alone, those of each preset and all together. Times are processor time of one
// goroutine, best of the rounds; folding and cutting the text is part of each.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

func main() {
	rounds := flag.Int("rounds", 3, "rounds")
	decisions := flag.String("decisions", "", "write for each text and rule of all 1 where the rule drops it, as TSV, into `FILE`")
	languages := flag.Bool("languages", false, "print for each text its language and nothing else")
	flag.Parse()
	if err := run(flag.Arg(0), *rounds, *decisions, *languages); err != nil {
		fmt.Fprintln(os.Stderr, "filter:", err)
		os.Exit(1)
	}
}

func run(path string, rounds int, decisions string, languages bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	texts := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if languages {
		var text filter.Text
		for _, line := range texts {
			text.Set(&shard.Candidate{Text: line})
			code, _ := text.Language()
			fmt.Println(code)
		}
		return nil
	}
	all, err := options(everyRule)
	if err != nil {
		return err
	}
	if decisions != "" {
		return write(decisions, texts, filter.TextRules(all))
	}
	// Models and lists are read before anything is timed.
	measure(texts[:min(len(texts), 1000)], filter.TextRules(all), true)
	fmt.Printf("%d texts, %.1f bytes a text, GOMAXPROCS %d\n", len(texts), float64(len(data)-len(texts))/float64(len(texts)), runtime.GOMAXPROCS(0))
	line := func(name string, rules []filter.Rule[filter.Text], each bool) {
		best, dropped := time.Duration(1<<62), 0
		for range rounds {
			took, n := measure(texts, rules, each)
			best, dropped = min(best, took), n
		}
		fmt.Printf("%-30s %7.3f us/text  drops %5.1f%%\n", name, float64(best.Nanoseconds())/1e3/float64(len(texts)), 100*float64(dropped)/float64(len(texts)))
	}
	line("(folding and cutting)", nil, false)
	for _, r := range filter.TextRules(all) {
		line(r.Name, []filter.Rule[filter.Text]{r}, false)
	}
	for i := range pipeline.Presets {
		p := &pipeline.Presets[i]
		o, err := options(p.Values())
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		line("preset "+p.Name, filter.TextRules(o), false)
	}
	var eight []filter.Rule[filter.Text]
	for _, r := range filter.TextRules(all) {
		if slices.Contains(peers, r.Name) {
			eight = append(eight, r)
		}
	}
	line("the peers' eight, each asked", eight, true)
	line("all, each asked", filter.TextRules(all), true)
	all.Languages, all.MinLanguageConfidence = nil, 0
	line("all but language, each asked", filter.TextRules(all), true)
	return nil
}

// peers are the rules that peers.py has operators for.
var peers = []string{"characters", "words", "special_characters", "stop_words", "flagged_words", "character_repetition", "sequence_repetition", "language"}

// everyRule turns all text rules on, at the presets' limits.
var everyRule = map[string]string{
	"filter.text.min_words": "3", "filter.text.max_words": "256", "filter.text.min_characters": "6", "filter.text.max_characters": "1000",
	"filter.text.max_word_repetition": "0.2", "filter.text.max_character_repetition": "0.1", "filter.text.max_sequence_repetition": "0.1",
	"filter.text.max_special_characters": "0.3", "filter.text.max_digits": "0.2", "filter.text.min_stop_words": "0.3",
	"filter.text.languages": "[en]", "filter.text.min_language_confidence": "0.3", "filter.text.require": "[noun, determiner, preposition]",
	"filter.text.blocked_words": "[getty, shutterstock, alamy]", "filter.text.flagged_words": "english", "filter.text.max_flagged_words": "0.01",
	"filter.text.personal_data": "drop", "filter.text.drop_boilerplate": "true",
}

// options are the text options by values of the configuration.
func options(values map[string]string) (filter.TextOptions, error) {
	var o config.Config
	err := config.Decode("values", config.Template(values), &o, func() error { return o.Validate() })
	return o.Filter.Text, err
}

// measure judges all texts: by each rule, or up to the first that drops.
func measure(texts []string, rules []filter.Rule[filter.Text], each bool) (took time.Duration, dropped int) {
	var text filter.Text
	c := shard.Candidate{TextSource: "alt"}
	start := processor()
	for _, c.Text = range texts {
		text.Set(&c)
		if !each {
			if filter.Apply(rules, &text) != nil {
				dropped++
			}
			continue
		}
		drops := false
		for i := range rules {
			if rules[i].Drop(&text) {
				drops = true
			}
		}
		if drops {
			dropped++
		}
	}
	return processor() - start, dropped
}

// processor is the processor time that the process took.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func write(path string, texts []string, rules []filter.Rule[filter.Text]) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	var names []string
	for _, r := range rules {
		names = append(names, r.Name)
	}
	fmt.Fprintln(w, strings.Join(names, "\t"))
	var text filter.Text
	c := shard.Candidate{TextSource: "alt"}
	for _, c.Text = range texts {
		text.Set(&c)
		for i := range rules {
			if i > 0 {
				w.WriteByte('\t')
			}
			switch {
			case rules[i].Drop(&text):
				w.WriteByte('1')
			default:
				w.WriteByte('0')
			}
		}
		w.WriteByte('\n')
	}
	return w.Flush()
}
