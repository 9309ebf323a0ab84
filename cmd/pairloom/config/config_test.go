package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/pipeline"
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

// TestNumbers holds that numbers are those of YAML 1.2's core schema (10.3.2).
func TestNumbers(t *testing.T) {
	type options struct {
		Whole int64   `yaml:"whole" default:"-7"`
		Float float64 `yaml:"float" default:"-7"`
		Text  string  `yaml:"text"`
	}
	const no = "no"
	for _, tt := range []struct{ yaml, whole, float string }{
		{"3", "3", "3"},
		{"-3", "-3", "-3"},
		{"+1", "1", "1"},
		{"017", "17", "17"},
		{"08", "8", "8"},
		{"0x1F", "31", "31"},
		{"0o17", "15", "15"},
		{"1_000", "1000", "1000"},
		{"9223372036854775807", "9223372036854775807", "9.223372036854775807e18"},
		{"9223372036854775808", no, "9223372036854775808"},
		{"1.5", no, "1.5"},
		{"3.0", no, "3"},
		{".5", no, "0.5"},
		{"+.5", no, "0.5"},
		{"5.", no, "5"},
		{"1e-3", no, "0.001"},
		{"-1e-3", no, "-0.001"},
		{"1E-3", no, "0.001"},
		{"3e0", no, "3"},
		{"1e+5", no, "100000"},
		{"1.5e2", no, "150"},
		{".5e1", no, "5"},
		{"1e999", no, no},
		{".inf", no, no},
		{"-.Inf", no, no},
		{"+.inf", no, no},
		{".nan", no, no},
		{"inf", no, no},
		{"1e", no, no},
		{"1e5x", no, no},
		{"e5", no, no},
		{"0x", no, no},
		{"0o8", no, no},
		{"-0x1F", no, no},
		{"0b11", no, no},
		{"1.2.3", no, no},
		{"1,000", no, no},
		{"12:30", no, no},
		{`"3"`, no, no},
		{"'1e-3'", no, no},
		{"true", no, no},
		{"~", no, no},
		{"[3]", no, no},
	} {
		var o options
		for key, want := range map[string]string{"whole": tt.whole, "float": tt.float} {
			err := Decode("f.yaml", []byte(key+": "+tt.yaml+" # as it is\n"), &o, func() error { return nil })
			if want == no {
				if err == nil || !strings.Contains(err.Error(), "f.yaml:1:8: "+key+": expected a ") {
					t.Errorf("%s: %s is taken, or refused with %v", key, tt.yaml, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%v", err)
			} else if f, err := strconv.ParseFloat(want, 64); key == "float" && (err != nil || o.Float != f) {
				t.Errorf("float: %s is %v, want %s", tt.yaml, o.Float, want)
			} else if key == "whole" && strconv.FormatInt(o.Whole, 10) != want {
				t.Errorf("whole: %s is %v, want %s", tt.yaml, o.Whole, want)
			}
		}
		if tt.yaml[0] != '[' && tt.yaml != "~" && tt.yaml != "true" && !strings.Contains(tt.yaml, "inf") && !strings.Contains(tt.yaml, "Inf") && !strings.Contains(tt.yaml, "nan") {
			want := strings.Trim(tt.yaml, `"'`)
			if err := Decode("f.yaml", []byte("text: "+tt.yaml+"\n"), &o, func() error { return nil }); err != nil || o.Text != want {
				t.Errorf("as a text, %s is %q, %v", tt.yaml, o.Text, err)
			}
		}
	}
}

// TestNumbersSetByTemplate holds that values on the command line are numbers of
// the same schema.
func TestNumbersSetByTemplate(t *testing.T) {
	values := map[string]string{"train.lr": "1e-3", "balance.margin": "3e0", "crawl.max_pages": "0x10"}
	text := Template(values)
	if err := Check("f.yaml", text, values); err != nil {
		t.Fatal(err)
	}
	c, err := parse("f.yaml", text)
	if err != nil || c.Train.LearningRate != 1e-3 || c.Balance.Margin != 3 || c.Crawl.MaxPages != 16 {
		t.Errorf("%v", err)
	}
}

// TestMarksOfEditors holds that what editors leave in a file changes nothing.
func TestMarksOfEditors(t *testing.T) {
	const plain = "# cats\n\nseed: 3 # three\ncrawl:\n  seeds: [\"https://example.org/\",\n    \"https://example.com/\"]\n  max_pages: 5\n"
	want, err := parse("f.yaml", []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	crlf := strings.ReplaceAll(plain, "\n", "\r\n")
	for name, text := range map[string]string{
		"byte order mark": "\uFEFF" + plain, "CRLF": crlf, "mark and CRLF": "\uFEFF" + crlf,
		"blank lines": strings.ReplaceAll(plain, "\n", "\n\n  \n"), "no end": strings.TrimSpace(plain),
	} {
		if got, err := parse("f.yaml", []byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
		faulty := strings.Replace(text, "seed: 3", "seed: x", 1)
		_, err := parse("f.yaml", []byte(faulty))
		line := 1 + strings.Count(faulty[:strings.Index(faulty, "seed: x")], "\n")
		if place := fmt.Sprintf("f.yaml:%d:7: seed: expected", line); err == nil || !strings.HasPrefix(err.Error(), place) {
			t.Errorf("%s: the error is %v, want it at %s", name, err, place)
		}
	}
	for name, text := range map[string]string{"Latin-1": "# caf\xE9\n", "UTF-16": "\xFF\xFEs\x00e\x00"} {
		if _, err := parse("f.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "f.yaml: line 1 is not UTF-8") {
			t.Errorf("%s: %v", name, err)
		}
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
	base := settings.Hash(section{10, 1}, "list")
	if settings.Hash(section{10, 8}, "list") != base {
		t.Error("workers change the hash")
	}
	for _, other := range []string{settings.Hash(section{11, 1}, "list"), settings.Hash(section{10, 1}, "other"), settings.Hash(section{10, 1})} {
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
	f.Add([]byte("seed: 0x\nworkers: 1e3\n"))
	f.Add([]byte("a: &x [1]\nb: *x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse("f.yaml", data)
		if err == nil && (c.Workers < 0 || c.Workers > 1024) {
			t.Errorf("workers %d", c.Workers)
		}
	})
}

// TestPresetsLoad holds that what each preset writes is a configuration, with its values.
func TestPresetsLoad(t *testing.T) {
	for i := range pipeline.Presets {
		p := &pipeline.Presets[i]
		text := Template(p.Values())
		if err := Check("pairloom.yaml", text, p.Values()); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		for _, own := range p.Own() {
			key := own[strings.LastIndexByte(own[:strings.IndexByte(own, ':')], '.')+1:]
			if !strings.Contains(string(text), " "+key+"\n") {
				t.Errorf("%s: the configuration has no line %q", p.Name, key)
			}
		}
	}
}
