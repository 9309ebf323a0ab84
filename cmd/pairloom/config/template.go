package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Template returns a configuration file with every key, its default and a line
// of comment. Values replaces defaults, by dotted path; the texts are YAML.
func Template(values map[string]string) []byte {
	var b strings.Builder
	b.WriteString("# pairloom's configuration. Every key is here with its default.\n")
	writeSection(&b, reflect.ValueOf(&Config{}).Elem(), "", 0, values)
	return []byte(b.String())
}

// Check tells whether a text made by Template can be loaded, that each key of
// values is one that exists, and that a crawl takes the seeds and the contact
// where there are any.
func Check(name string, text []byte, values map[string]string) error {
	c, err := parse(name, text)
	if err != nil {
		return err
	}
	known := map[string]field{}
	walk(reflect.ValueOf(c).Elem(), func(path string, f field) { known[path] = f })
	var faults []error
	for key := range values {
		if _, ok := known[key]; !ok {
			faults = append(faults, fmt.Errorf("%s: unknown key%s", key, nearest(key, known)))
		}
	}
	if len(c.Crawl.Seeds) > 0 {
		faults = append(faults, c.Crawl.Validate())
	}
	if c.Gate.Contact != "" {
		faults = append(faults, c.Gate.Validate())
	}
	return errors.Join(faults...)
}

// Key is one key of the configuration.
type Key struct {
	Path    string   // dotted, such as crawl.scope
	Doc     string   // what it is, in a line
	Choices []string // the values it takes, where these are a few words
}

// Keys lists the keys in the order of the file.
func Keys() []Key {
	var list []Key
	walk(reflect.ValueOf(&Config{}).Elem(), func(path string, f field) {
		k := Key{Path: path, Doc: f.Tag.Get("doc")}
		if c := f.Tag.Get("choices"); c != "" {
			k.Choices = strings.Split(c, "|")
		}
		list = append(list, k)
	})
	return list
}

func writeSection(b *strings.Builder, section reflect.Value, prefix string, depth int, values map[string]string) {
	indent := strings.Repeat("  ", depth)
	for _, f := range fields(section) {
		doc := f.Tag.Get("doc")
		if f.Section() {
			fmt.Fprintf(b, "\n%s# %s\n%s%s:\n", indent, doc, indent, f.Key)
			writeSection(b, f.Value, prefix+f.Key+".", depth+1, values)
			continue
		}
		value, ok := values[prefix+f.Key]
		if !ok {
			value = f.defaultYAML()
		}
		if c := f.Tag.Get("choices"); c != "" {
			doc += " (" + strings.ReplaceAll(c, "|", ", ") + ")"
		}
		fmt.Fprintf(b, "%s# %s\n%s%s: %s\n", indent, doc, indent, f.Key, value)
	}
}

// defaultYAML is the default as YAML writes it.
func (f field) defaultYAML() string {
	text := f.Tag.Get("default")
	switch {
	case f.Value.Kind() == reflect.Slice:
		if text == "" {
			return "[]"
		}
		quoted := strings.Split(text, ",")
		for i, t := range quoted {
			quoted[i] = quote(t)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case f.Value.Kind() == reflect.String:
		return quote(text)
	}
	return text
}

// quote writes a text so that YAML reads a text: plain where that is safe.
func quote(s string) string {
	for _, r := range s {
		plain := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./", r)
		if !plain {
			return strconv.Quote(s)
		}
	}
	if s == "" || s[0] == '-' || s[0] == '.' || '0' <= s[0] && s[0] <= '9' {
		return strconv.Quote(s)
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	return s
}
