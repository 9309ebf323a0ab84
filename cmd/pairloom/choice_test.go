package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// completed is what the shell is told to offer after these words, without
// descriptions.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(append([]string{"__complete"}, words...), &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	var list []string
	for line := range strings.Lines(stdout.String()) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
			list = append(list, word)
		}
	}
	return list
}

// listed is a usage text that lists words: "arrow, npy or parquet".
var listed = regexp.MustCompile(`(^|: )[a-z]+(, [a-z]+)*,? or [a-z]+$`)

// TestEveryChoiceIsOffered walks all flags of all commands: one that takes a few
// words offers them to the shell, shows them in help and refuses others.
func TestEveryChoiceIsOffered(t *testing.T) {
	seen := 0
	for c := range commands(newRoot(&global{stdout: &output{w: io.Discard}, stderr: io.Discard})) {
		path := strings.Fields(c.CommandPath())[1:]
		c.Flags().VisitAll(func(f *pflag.Flag) {
			v, ok := f.Value.(*choice)
			if !ok {
				if listed.MatchString(f.Usage) {
					t.Errorf("%s --%s lists its words in the usage %q; make it with choiceVar", c.CommandPath(), f.Name, f.Usage)
				}
				return
			}
			seen++
			if got := completed(t, append(path, "--"+f.Name, "")...); !slices.Equal(got, v.words) {
				t.Errorf("%s --%s: the shell offers %q, want %q", c.CommandPath(), f.Name, got, v.words)
			}
			if !slices.Contains(v.words, f.DefValue) && f.DefValue != "" {
				t.Errorf("%s --%s: the default %q is none of %q", c.CommandPath(), f.Name, f.DefValue, v.words)
			}
			for _, word := range v.words {
				if err := f.Value.Set(word); err != nil || f.Value.String() != word {
					t.Errorf("%s --%s %s: %v", c.CommandPath(), f.Name, word, err)
				}
			}
			for _, word := range []string{"", strings.ToUpper(v.words[0]), v.words[0] + "x"} {
				if err := f.Value.Set(word); err == nil {
					t.Errorf("%s --%s takes %q", c.CommandPath(), f.Name, word)
				}
			}
		})
	}
	if seen < 2 {
		t.Errorf("%d flags take a few words; embed --format and queries lookup --mode do", seen)
	}
}

func TestCompletion(t *testing.T) {
	for _, tt := range []struct{ words, want string }{
		{"embed |", "pictures texts"},
		{"embed pictures --format |", "arrow npy parquet"},
		{"init --set crawl.sc|", "crawl.scope="},
		{"init --set crawl.scope=h|", "crawl.scope=host crawl.scope=domain crawl.scope=any"},
		{"queries |", "build from-lines info lookup"},
	} {
		got := completed(t, strings.Split(strings.TrimSuffix(tt.words, "|"), " ")...)
		if !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("after %q the shell offers %.10q, want %s", tt.words, got, tt.want)
		}
	}
}
