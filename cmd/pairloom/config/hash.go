package config

import (
	"fmt"
	"reflect"

	"github.com/cespare/xxhash/v2"
)

// Hash is the fingerprint of settings: of all keys of the given sections, but
// for those with the tag pace:"true", which change how fast or how politely
// work is done and not what comes out. Each part is an Options struct, a string
// or a number.
func Hash(parts ...any) string {
	d := xxhash.New()
	for _, part := range parts {
		v := reflect.ValueOf(part)
		if v.Kind() != reflect.Struct {
			fmt.Fprintf(d, "%v\x00", part)
			continue
		}
		walk(v, "", func(path string, f field) {
			if f.tag.Get("pace") != "true" {
				fmt.Fprintf(d, "%s=%#v\x00", path, f.value.Interface())
			}
		})
	}
	return fmt.Sprintf("%016x", d.Sum64())
}
