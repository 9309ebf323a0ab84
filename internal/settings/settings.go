// Package settings reads the tags of Options structs, which say what the keys of
// the configuration are: yaml names a key, pace:"true" marks one that changes
// only how fast or how politely work is done. Who parses the configuration, who
// writes its template and who must know whether work was done with the same
// settings read the same tags, through Walk and Hash.
//
// Nothing here allocates more than the list of a section's keys, and nothing is
// kept: any goroutine may call it.
package settings

import (
	"fmt"
	"reflect"

	"github.com/cespare/xxhash/v2"
)

// Field is one key: a leaf, or a section when it is a struct.
type Field struct {
	Key   string
	Tag   reflect.StructTag
	Value reflect.Value // settable when the section's is
}

// Section tells whether the field holds keys of its own.
func (f Field) Section() bool { return f.Value.Kind() == reflect.Struct }

// Pace tells whether the key leaves the result as it is.
func (f Field) Pace() bool { return f.Tag.Get("pace") == "true" }

// Fields lists the keys of a section, a struct, in order. An embedded section's
// keys are the section's own; a field without a key, or with the key -, is none.
func Fields(section reflect.Value) []Field {
	var list []Field
	for i := range section.NumField() {
		t := section.Type().Field(i)
		if t.Anonymous {
			list = append(list, Fields(section.Field(i))...)
			continue
		}
		key := t.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		list = append(list, Field{key, t.Tag, section.Field(i)})
	}
	return list
}

// Walk visits the leaves of a section and of the sections in it, in order, with
// their dotted paths.
func Walk(section reflect.Value, visit func(path string, f Field)) { walk(section, "", visit) }

func walk(section reflect.Value, prefix string, visit func(path string, f Field)) {
	for _, f := range Fields(section) {
		if f.Section() {
			walk(f.Value, prefix+f.Key+".", visit)
		} else {
			visit(prefix+f.Key, f)
		}
	}
}

// Hash is the fingerprint of settings: of all keys of the given sections but
// for those of pace. Each part is an Options struct, a string or a number.
func Hash(parts ...any) string {
	d := xxhash.New()
	for _, part := range parts {
		v := reflect.ValueOf(part)
		if v.Kind() != reflect.Struct {
			fmt.Fprintf(d, "%v\x00", part)
			continue
		}
		Walk(v, func(path string, f Field) {
			if !f.Pace() {
				fmt.Fprintf(d, "%s=%#v\x00", path, f.Value.Interface())
			}
		})
	}
	return fmt.Sprintf("%016x", d.Sum64())
}
