package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one key of the file: a leaf, or a section when it is a struct.
type field struct {
	key   string
	tag   reflect.StructTag
	value reflect.Value
}

func (f field) section() bool { return f.value.Kind() == reflect.Struct }

var durationType = reflect.TypeFor[time.Duration]()

// fields lists the keys of a section in order.
func fields(section reflect.Value) []field {
	var list []field
	for i := range section.NumField() {
		t := section.Type().Field(i)
		if t.Anonymous { // an embedded section's keys are the section's own
			list = append(list, fields(section.Field(i))...)
			continue
		}
		key := t.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		list = append(list, field{key, t.Tag, section.Field(i)})
	}
	return list
}

// walk visits all leaves with their dotted paths.
func walk(section reflect.Value, prefix string, visit func(path string, f field)) {
	for _, f := range fields(section) {
		if f.section() {
			walk(f.value, prefix+f.key+".", visit)
		} else {
			visit(prefix+f.key, f)
		}
	}
}

// expected says in words what the field takes.
func (f field) expected() string {
	var what string
	switch {
	case f.value.Type() == durationType:
		what = "a duration such as 500ms, 10s or 2h"
	case f.value.Kind() == reflect.Bool:
		return "true or false"
	case f.value.CanInt():
		what = "a whole number"
	case f.value.CanFloat():
		what = "a number"
	case f.value.Kind() == reflect.Slice:
		return "a list of texts"
	default:
		if c := f.tag.Get("choices"); c != "" {
			return "one of " + strings.ReplaceAll(c, "|", ", ")
		}
		return "a text"
	}
	lo, hi := f.limits()
	switch {
	case lo != "" && hi != "":
		what += " from " + lo + " to " + hi
	case lo != "":
		what += ", at least " + lo
	case hi != "":
		what += ", at most " + hi
	}
	return what
}

func (f field) limits() (lo, hi string) {
	lo, hi, _ = strings.Cut(f.tag.Get("range"), "..")
	return lo, hi
}

// set parses text into the field; false when it does not fit.
func (f field) set(text string) bool {
	switch {
	case f.value.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return false
		}
		f.value.SetInt(int64(d))
		return f.inRange(float64(d), func(s string) (float64, error) {
			d, err := time.ParseDuration(s)
			return float64(d), err
		})
	case f.value.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		f.value.SetBool(b)
		return err == nil
	case f.value.CanInt():
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || f.value.OverflowInt(n) {
			return false
		}
		f.value.SetInt(n)
		return f.inRange(float64(n), number)
	case f.value.CanFloat():
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return false
		}
		f.value.SetFloat(n)
		return f.inRange(n, number)
	case f.value.Kind() == reflect.String:
		f.value.SetString(text)
		choices := f.tag.Get("choices")
		return choices == "" || strings.Contains("|"+choices+"|", "|"+text+"|")
	}
	return false
}

func number(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

func (f field) inRange(n float64, parse func(string) (float64, error)) bool {
	lo, hi := f.limits()
	if lo != "" {
		if least, err := parse(lo); err != nil || n < least {
			return false
		}
	}
	if hi != "" {
		if most, err := parse(hi); err != nil || n > most {
			return false
		}
	}
	return true
}

// setDefault gives the field its default; a default that does not fit is a bug
// in the tags, which a test finds.
func (f field) setDefault() error {
	text := f.tag.Get("default")
	if f.value.Kind() == reflect.Slice {
		list := []string{}
		if text != "" {
			list = strings.Split(text, ",")
		}
		f.value.Set(reflect.ValueOf(list))
		return nil
	}
	if !f.set(text) {
		return fmt.Errorf("default %q of %s is not %s", text, f.key, f.expected())
	}
	return nil
}
