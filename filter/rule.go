package filter

import (
	"fmt"
	"strings"
)

// A Rule decides on records of type T.
type Rule[T any] struct {
	Name string // the drop reason
	// Drop is the decision. Where Value applies, it is what the limits say of the
	// value; where it does not, the record passes. A rule without Value has no limits.
	Drop func(record *T) bool
	// Detail is, for people, the value that decided and its limit. It is asked
	// only of a record that the rule drops, and only by who shows it.
	Detail func(record *T) string
	// Value measures what the limits are compared with; false where the rule says
	// nothing of the record, whatever its limits. From the values of all records it can
	// be told what any other limit would drop. nil of a rule that measures nothing.
	Value  func(record *T) (float64, bool)
	Limits []Limit
}

// Limit is a threshold of a rule.
type Limit struct {
	Key   string  // in the section filter, such as text.min_words
	Least bool    // a smaller value is dropped; else a greater one
	At    float64 // 0 drops nothing
}

// Drops tells whether the limit drops a record of that value.
func (l Limit) Drops(value float64) bool {
	if l.Least {
		return value < l.At
	}
	return l.At != 0 && value > l.At
}

// String says what a value was that the limit drops: less than min_words 2.
func (l Limit) String() string {
	beyond := "more"
	if l.Least {
		beyond = "less"
	}
	return fmt.Sprintf("%s than %s %g", beyond, l.Key[strings.LastIndexByte(l.Key, '.')+1:], l.At)
}

func least(key string, at float64) Limit { return Limit{key, true, at} }
func most(key string, at float64) Limit  { return Limit{key, false, at} }

// measured is a rule that drops what lies beyond one of its limits; say writes the
// value for people.
func measured[T any](name string, value func(*T) (float64, bool), say func(record *T, value float64) string, limits ...Limit) Rule[T] {
	beyond := func(v float64) *Limit {
		for i := range limits {
			if limits[i].Drops(v) {
				return &limits[i]
			}
		}
		return nil
	}
	return Rule[T]{
		Name: name, Value: value, Limits: limits,
		Drop: func(record *T) bool {
			v, applies := value(record)
			return applies && beyond(v) != nil
		},
		Detail: func(record *T) string {
			v, _ := value(record)
			return fmt.Sprintf("%s, %s", say(record, v), beyond(v))
		},
	}
}

// Apply asks the rules in order and returns the first that drops the record, nil
// when all let it pass.
func Apply[T any](rules []Rule[T], record *T) *Rule[T] {
	for i := range rules {
		if rules[i].Drop(record) {
			return &rules[i]
		}
	}
	return nil
}
