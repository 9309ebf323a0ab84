package filter

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		limit Limit
		value float64
		drops bool
	}{
		{least("text.min_words", 2), 1, true},
		{least("text.min_words", 2), 2, false},
		{least("text.min_words", 0), 0, false},
		{most("text.max_words", 2), 3, true},
		{most("text.max_words", 2), 2, false},
		{most("text.max_words", 0), 3, false},
	} {
		if got := tt.limit.Drops(tt.value); got != tt.drops {
			t.Errorf("%v of %v: %v, want %v", tt.limit, tt.value, got, tt.drops)
		}
	}
	if got, want := most("text.max_words", 256).String(), "more than max_words 256"; got != want {
		t.Errorf("the limit reads %q, want %q", got, want)
	}
}

// agrees holds the decision to the value and the limits.
func agrees[T any](t *testing.T, rules []Rule[T], record *T) {
	t.Helper()
	for _, r := range rules {
		if r.Value == nil {
			if len(r.Limits) > 0 {
				t.Fatalf("%s has limits and no value", r.Name)
			}
			continue
		}
		v, applies := r.Value(record)
		want := false
		for _, l := range r.Limits {
			want = want || applies && l.Drops(v)
		}
		if got := r.Drop(record); got != want {
			t.Fatalf("%s drops %+v: %v, but its value is %v (applies: %v) and its limits are %v", r.Name, *record, got, v, applies, r.Limits)
		}
		if want && !strings.Contains(r.Detail(record), ", ") {
			t.Fatalf("%s says %q, which has no value with its limit", r.Name, r.Detail(record))
		}
	}
}

// anyOptions sets every number of the options to one between nothing and its
// double of what tests take, and every truth to either.
func anyOptions(r *rand.Rand) Options {
	o := allOptions
	o.Text.FlaggedWords = []string{"none", "english"}[r.IntN(2)]
	settings.Walk(reflect.ValueOf(&o).Elem(), func(_ string, f settings.Field) {
		switch {
		case f.Value.CanInt():
			f.Value.SetInt(int64(float64(f.Value.Int()) * 2 * r.Float64()))
		case f.Value.CanFloat():
			f.Value.SetFloat(f.Value.Float() * 2 * r.Float64())
		case f.Value.Kind() == reflect.Bool:
			f.Value.SetBool(r.IntN(2) == 0)
		}
	})
	return o
}

func TestDropIsWhatValueAndLimitsSay(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"fox", "fox", "the", " ", " ", " ", "狐狸", "é", "4", "2012", "!", ", ", "a red fox in the snow", "fox@example.org", "\U0001F98A"}
	var text Text
	sets := 300
	if testing.Short() {
		sets /= 20
	}
	for range sets {
		o := anyOptions(r)
		texts, pictures := TextRules(o.Text), PictureRules(o.Picture)
		for range 100 {
			var b strings.Builder
			for range 1 + r.IntN(12) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			text.Set(&shard.Candidate{Text: b.String(), TextSource: "alt"})
			agrees(t, texts, &text)
			size := func() int32 { return int32(r.IntN(2) * r.IntN(300)) }
			agrees(t, pictures, &shard.Image{OriginalWidth: size(), OriginalHeight: size(), OriginalBytes: int64(size()), Frames: int32(r.IntN(3)), Spread: size()})
		}
	}
}

// TestLimitsAreTheOptions holds each limit to the key that it names, and each
// threshold of the options to a limit.
func TestLimitsAreTheOptions(t *testing.T) {
	keys := map[string]float64{}
	settings.Walk(reflect.ValueOf(allOptions), func(path string, f settings.Field) {
		switch {
		case f.Value.CanInt():
			keys[path] = float64(f.Value.Int())
		case f.Value.CanFloat():
			keys[path] = f.Value.Float()
		}
	})
	var limits []Limit
	for _, r := range TextRules(allOptions.Text) {
		limits = append(limits, r.Limits...)
	}
	for _, r := range PictureRules(allOptions.Picture) {
		limits = append(limits, r.Limits...)
	}
	for _, l := range limits {
		at, ok := keys[l.Key]
		if !ok || at != l.At || at == 0 {
			t.Errorf("the limit %v is at %v, the key's value %v; give the key a value in allOptions", l, l.At, at)
		}
		if want := strings.Contains(l.Key, ".min_"); l.Least != want {
			t.Errorf("%s has Least %v", l.Key, l.Least)
		}
		delete(keys, l.Key)
	}
	for key := range keys {
		t.Errorf("%s is no rule's limit", key)
	}
}
