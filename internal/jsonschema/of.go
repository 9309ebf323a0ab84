package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Schema is as much of JSON Schema (2020-12) as is used here.
type Schema struct {
	Draft       string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"` // a name, or several
	Description string             `json:"description,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or a schema
	Items       *Schema            `json:"items,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	MaxItems    int                `json:"maxItems,omitempty"`
	Defs        map[string]*Schema `json:"$defs,omitempty"`
}

// Encode writes it as a file.
func (s *Schema) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic(err) // texts and numbers always encode
	}
	return b.Bytes()
}

// Of makes the schema of a struct from its fields and the page that describes them.
// What the page lacks, has too much or has otherwise is among the faults.
func Of(root reflect.Type, id, title, page string) (*Schema, []string) {
	m := maker{page: sections(page), defs: map[string]*Schema{}}
	s := m.object(root)
	s.Draft, s.ID, s.Title, s.Defs = "https://json-schema.org/draft/2020-12/schema", id, title, m.defs
	for name := range m.page {
		if _, used := m.defs[name]; !used && name != root.Name() {
			m.fault("the page describes %s, which is not in the file", name)
		}
	}
	slices.Sort(m.faults)
	return s, m.faults
}

// row is a line of the page.
type row struct{ typ, meaning string }

// sections are the tables of a page, by heading and field.
func sections(page string) map[string]map[string]row {
	all := map[string]map[string]row{}
	heading := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 3 {
			continue
		}
		if all[heading] == nil {
			all[heading] = map[string]row{}
		}
		all[heading][strings.Trim(cells[0], " `")] = row{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])}
	}
	return all
}

type maker struct {
	page   map[string]map[string]row
	defs   map[string]*Schema
	faults []string
}

func (m *maker) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf(format, args...))
}

// object is the schema of a struct.
func (m *maker) object(t reflect.Type) *Schema {
	s := &Schema{Type: "object", Properties: map[string]*Schema{}, Additional: false}
	rows := maps.Clone(m.page[t.Name()])
	m.fields(t, t.Name(), rows, s, true)
	for name := range rows {
		m.fault("%s has no field %s, which the page describes", t.Name(), name)
	}
	slices.Sort(s.Required)
	return s
}

func (m *maker) fields(t reflect.Type, owner string, rows map[string]row, s *Schema, always bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			embedded, there := f.Type, always
			if embedded.Kind() == reflect.Pointer {
				embedded, there = embedded.Elem(), false
			}
			m.fields(embedded, owner, rows, s, there)
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		value, typ := m.value(f.Type)
		line, found := rows[name]
		switch delete(rows, name); {
		case !found:
			m.fault("%s.%s is not on the page: it is of type %q", owner, name, typ)
		case line.typ != typ:
			m.fault("%s.%s is %q, but the page says %q", owner, name, typ, line.typ)
		case line.meaning == "":
			m.fault("%s.%s has no meaning on the page", owner, name)
		}
		value.Description = line.meaning
		s.Properties[name] = value
		if always && !strings.Contains(options, "omitempty") {
			s.Required = append(s.Required, name)
		}
	}
}

// value is the schema of a type and its name on the page.
func (m *maker) value(t reflect.Type) (*Schema, string) {
	if t == reflect.TypeFor[json.RawMessage]() {
		return &Schema{}, "any"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.value(t.Elem())
	case reflect.String:
		return &Schema{Type: "string"}, "string"
	case reflect.Bool:
		return &Schema{Type: "boolean"}, "boolean"
	case reflect.Float64, reflect.Float32:
		return &Schema{Type: "number"}, "number"
	case reflect.Slice, reflect.Array:
		of, typ := m.value(t.Elem())
		s := &Schema{Type: "array", Items: of}
		if t.Kind() == reflect.Array {
			s.MinItems, s.MaxItems = t.Len(), t.Len()
		}
		return s, "list of " + typ
	case reflect.Map:
		of, typ := m.value(t.Elem())
		return &Schema{Type: "object", Additional: of}, "object of " + typ
	case reflect.Struct:
		if _, begun := m.defs[t.Name()]; !begun {
			m.defs[t.Name()] = nil
			m.defs[t.Name()] = m.object(t)
		}
		return &Schema{Ref: "#/$defs/" + t.Name()}, t.Name()
	}
	return &Schema{Type: "integer"}, "integer"
}
