package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/internal/settings"
)

// field is one key of the file, with what its tags say a value must be.
type field struct{ settings.Field }

var durationType = reflect.TypeFor[time.Duration]()

// fields lists the keys of a section in order.
func fields(section reflect.Value) []field {
	var list []field
	for _, f := range settings.Fields(section) {
		list = append(list, field{f})
	}
	return list
}

// walk visits all leaves with their dotted paths.
func walk(section reflect.Value, visit func(path string, f field)) {
	settings.Walk(section, func(path string, f settings.Field) { visit(path, field{f}) })
}

// expected says in words what the field takes.
func (f field) expected() string {
	var what string
	switch {
	case f.Value.Type() == durationType:
		what = "a duration such as 500ms, 10s or 2h"
	case f.Value.Kind() == reflect.Bool:
		return "true or false"
	case f.Value.CanInt():
		what = "a whole number"
	case f.Value.CanFloat():
		what = "a number"
	case f.Value.Kind() == reflect.Slice:
		return "a list of texts"
	default:
		if c := f.Tag.Get("choices"); c != "" {
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
	lo, hi, _ = strings.Cut(f.Tag.Get("range"), "..")
	return lo, hi
}

// set parses text into the field; false when it does not fit.
func (f field) set(text string) bool {
	switch {
	case f.Value.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return false
		}
		f.Value.SetInt(int64(d))
		return f.inRange(float64(d), func(s string) (float64, error) {
			d, err := time.ParseDuration(s)
			return float64(d), err
		})
	case f.Value.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		f.Value.SetBool(b)
		return err == nil
	case f.Value.CanInt():
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || f.Value.OverflowInt(n) {
			return false
		}
		f.Value.SetInt(n)
		return f.inRange(float64(n), number)
	case f.Value.CanFloat():
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return false
		}
		f.Value.SetFloat(n)
		return f.inRange(n, number)
	case f.Value.Kind() == reflect.String:
		f.Value.SetString(text)
		choices := f.Tag.Get("choices")
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
	text := f.Tag.Get("default")
	if f.Value.Kind() == reflect.Slice {
		list := []string{}
		if text != "" {
			list = strings.Split(text, ",")
		}
		f.Value.Set(reflect.ValueOf(list))
		return nil
	}
	if !f.set(text) {
		return fmt.Errorf("default %q of %s is not %s", text, f.Key, f.expected())
	}
	return nil
}
