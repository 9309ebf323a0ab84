package settings

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Values are the leaves of a section, a struct, by their dotted paths, as JSON:
// what can be kept beside a result and read back by [Restore].
func Values(section any) map[string]json.RawMessage {
	values := map[string]json.RawMessage{}
	Walk(reflect.ValueOf(section), func(path string, f Field) {
		data, err := json.Marshal(f.Value.Interface())
		if err != nil {
			panic(err) // leaves are texts, numbers, truths and lists of texts
		}
		values[path] = data
	})
	return values
}

// Restore fills the struct that section points to from values. Paths that the
// section does not have are passed over, and leaves without a value stay.
func Restore(section any, values map[string]json.RawMessage) error {
	var fault error
	Walk(reflect.ValueOf(section).Elem(), func(path string, f Field) {
		data, ok := values[path]
		if !ok || fault != nil {
			return
		}
		if err := json.Unmarshal(data, f.Value.Addr().Interface()); err != nil {
			fault = fmt.Errorf("restore %s: %w", path, err)
		}
	})
	return fault
}
