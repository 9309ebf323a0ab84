package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Check holds a document against a schema that Of made and lists what differs, each
// with its place.
func (s *Schema) Check(document []byte) []string {
	var value any
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return []string{err.Error()}
	}
	c := checker{defs: s.Defs}
	c.check("", s, value)
	return c.faults
}

type checker struct {
	defs   map[string]*Schema
	faults []string
}

func (c *checker) fault(at, format string, args ...any) {
	if at == "" {
		at = "/"
	}
	c.faults = append(c.faults, at+": "+fmt.Sprintf(format, args...))
}

func (c *checker) check(at string, s *Schema, value any) {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		s = c.defs[name]
	}
	switch want := s.Type; v := value.(type) {
	case map[string]any:
		if want != nil && want != "object" {
			c.fault(at, "is an object, want %v", want)
			return
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				c.fault(at, "lacks %s", name)
			}
		}
		for name, x := range v {
			if of, ok := s.Properties[name]; ok {
				c.check(at+"/"+name, of, x)
			} else if of, ok := s.Additional.(*Schema); ok {
				c.check(at+"/"+name, of, x)
			} else if s.Additional == false {
				c.fault(at, "has %s, which the schema does not", name)
			}
		}
	case []any:
		if want != nil && want != "array" {
			c.fault(at, "is a list, want %v", want)
			return
		}
		if len(v) < s.MinItems || s.MaxItems > 0 && len(v) > s.MaxItems {
			c.fault(at, "has %d items, want %d", len(v), s.MaxItems)
		}
		for i, x := range v {
			if s.Items != nil {
				c.check(fmt.Sprintf("%s/%d", at, i), s.Items, x)
			}
		}
	case json.Number:
		_, err := v.Int64()
		if want != nil && want != "number" && (want != "integer" || err != nil) {
			c.fault(at, "is %s, want %v", v, want)
		}
	case string:
		if want != nil && want != "string" {
			c.fault(at, "is a string, want %v", want)
		}
	case bool:
		if want != nil && want != "boolean" {
			c.fault(at, "is a boolean, want %v", want)
		}
	case nil:
		if want != nil {
			c.fault(at, "is null, want %v", want)
		}
	}
}
