package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTemplateParsesToTheDefaults(t *testing.T) {
	text := string(Template(nil))
	c, err := parse("pairloom.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	empty, err := parse("pairloom.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, empty) {
		t.Errorf("template gives %+v,\nan empty file %+v", c, empty)
	}
	walk(reflect.ValueOf(c).Elem(), func(path string, f field) {
		if f.Tag.Get("doc") == "" {
			t.Errorf("%s has no doc", path)
		}
		if !strings.Contains(text, f.Key+": ") {
			t.Errorf("%s is not in the template", path)
		}
	})
}

func TestTemplateTakesValues(t *testing.T) {
	text := Template(map[string]string{"crawl.seeds": `["https://example.org/"]`, "gate.contact": `"mailto:a@example.org"`, "gate.delay": "250ms"})
	c, err := parse("pairloom.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Crawl.Seeds) != 1 || c.Gate.Contact != "mailto:a@example.org" || c.Gate.Delay != 250*time.Millisecond {
		t.Errorf("values are lost: %+v %+v", c.Crawl, c.Gate)
	}
}

func TestFaultsAreNamedWithTheirPlace(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want string }{
		{"unknown key", "crawl:\n  max_pagess: 3\n", `f.yaml:2:3: crawl.max_pagess: unknown key; did you mean max_pages?`},
		{"unknown key, nothing near", "elephants: 3\n", `f.yaml:1:1: elephants: unknown key`},
		{"unknown section", "crawll:\n  a: 1\n", `f.yaml:1:1: crawll: unknown key; did you mean crawl?`},
		{"wrong type", "crawl:\n  max_pages: many\n", `f.yaml:2:14: crawl.max_pages: expected a whole number, at least 0, found the text "many"`},
		{"quoted number", "seed: \"1\"\n", `f.yaml:1:7: seed: expected a whole number, found the text "1"`},
		{"fraction", "workers: 1.5\n", `f.yaml:1:10: workers: expected a whole number from 0 to 1024, found 1.5`},
		{"out of range", "workers: 5000\n", `f.yaml:1:10: workers: expected a whole number from 0 to 1024, found 5000`},
		{"duration without unit", "gate:\n  delay: 5\n", `f.yaml:2:10: gate.delay: expected a duration such as 500ms, 10s or 2h from 0s to 1h, found 5`},
		{"no choice", "crawl:\n  scope: planet\n", `f.yaml:2:10: crawl.scope: expected one of host, domain, any, found the text "planet"`},
		{"list wanted", "crawl:\n  seeds: https://example.org/\n", `f.yaml:2:10: crawl.seeds: expected a list of texts, found the text "https://example.org/"`},
		{"section wanted", "crawl: 3\n", `f.yaml:1:8: crawl: expected keys with values, found 3`},
		{"key twice", "seed: 1\nseed: 2\n", `seed`},
		{"bool wanted", "filter:\n  text:\n    drop_addresses: 1\n", `f.yaml:3:21: filter.text.drop_addresses: expected true or false, found 1`},
		{"not YAML", "crawl: [\n", `f.yaml: `},
		{"faults of more than one value", "filter:\n  text:\n    max_words: 1\n", `f.yaml: filter: text.max_words 1 is less than text.min_words 2`},
		{"two documents", "seed: 1\n---\nseed: 2\n", `it holds 2 documents`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse("f.yaml", []byte(tt.yaml))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is\n%v\nwant it to say\n%s", err, tt.want)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := parse("f.yaml", []byte("a: 1\nworkers: -1\ncrawl:\n  b: 2\n"))
	if n := strings.Count(err.Error(), "f.yaml:"); n != 3 {
		t.Errorf("%d faults reported, want 3:\n%v", n, err)
	}
}

func TestHashIgnoresPace(t *testing.T) {
	type section struct {
		Pairs   int `yaml:"pairs"`
		Workers int `yaml:"workers" pace:"true"`
	}
	base := Hash(section{10, 1}, "list")
	if Hash(section{10, 8}, "list") != base {
		t.Error("workers change the hash")
	}
	for _, other := range []string{Hash(section{11, 1}, "list"), Hash(section{10, 1}, "other"), Hash(section{10, 1})} {
		if other == base {
			t.Error("a change of settings leaves the hash as it was")
		}
	}
}

// FuzzParse holds that no bytes make the parser panic, and that what parses is
// within the ranges.
func FuzzParse(f *testing.F) {
	f.Add(Template(nil))
	f.Add([]byte("crawl: {max_pages: 3}\n"))
	f.Add([]byte("a: &x [1]\nb: *x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse("f.yaml", data)
		if err == nil && (c.Workers < 0 || c.Workers > 1024) {
			t.Errorf("workers %d", c.Workers)
		}
	})
}
