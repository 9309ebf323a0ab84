package preview

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

var someOptions = filter.Options{
	Text: filter.TextOptions{
		Sources: []string{"alt", "title"}, MinWords: 2, MaxWords: 8, MinCharacters: 5, MaxCharacters: 40,
		MaxWordRepetition: 0.5, DropFileNames: true, DropAddresses: true, ObeyOptOut: true,
	},
	Picture: filter.PictureOptions{MinShortSide: 64, MaxAspectRatio: 2.5, ObeyOptOut: true},
}

func someTexts(n int) (list []*filter.Text) {
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"fox", "fox", "the", " ", " ", " ", "狐狸", "é", "4", ", ", "a red fox in the snow", "fox@example.org", "IMG_1", ".jpg"}
	for range n {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		c := &shard.Candidate{Text: b.String(), TextSource: []string{"alt", "title", "list"}[r.IntN(3)]}
		if r.IntN(9) == 0 {
			c.OptOut = "noai"
		}
		t := &filter.Text{}
		t.Set(c)
		list = append(list, t)
	}
	return list
}

func somePictures(n int) (list []*shard.Image) {
	const seed = 4
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		side := func() int32 { return int32(r.IntN(300)) }
		list = append(list, &shard.Image{OriginalWidth: side(), OriginalHeight: side(), OriginalBytes: int64(side()) * 100, Frames: 1 + side()/250, Spread: side()})
	}
	return list
}

// with are the options with another value of one key.
func with(o filter.Options, key string, at float64) filter.Options {
	settings.Walk(reflect.ValueOf(&o).Elem(), func(path string, f settings.Field) {
		switch {
		case path != key:
		case f.Value.CanInt():
			f.Value.SetInt(int64(at))
		default:
			f.Value.SetFloat(at)
		}
	})
	return o
}

// TestWhatIfIsWhatTheRulesWouldDo tries each threshold of each limit by making the
// rules anew with it.
func TestWhatIfIsWhatTheRulesWouldDo(t *testing.T) {
	t.Run("texts", func(t *testing.T) {
		whatIf(t, func(o filter.Options) []filter.Rule[filter.Text] { return filter.TextRules(o.Text) }, someTexts(500))
	})
	t.Run("pictures", func(t *testing.T) {
		whatIf(t, func(o filter.Options) []filter.Rule[shard.Image] { return filter.PictureRules(o.Picture) }, somePictures(500))
	})
}

func whatIf[T any](t *testing.T, rulesOf func(filter.Options) []filter.Rule[T], records []*T) {
	rules := rulesOf(someOptions)
	s, err := New(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		s.See(r)
	}
	passing := func(rules []filter.Rule[T]) (n int64) {
		for _, r := range records {
			if filter.Apply(rules, r) == nil {
				n++
			}
		}
		return n
	}
	if want := passing(rules); s.Passed != want || s.Seen != int64(len(records)) {
		t.Errorf("%d of %d pass, want %d of %d", s.Passed, s.Seen, want, len(records))
	}
	limits := 0
	for i, rule := range rules {
		if got, want := s.Rules[i].Alone, s.Seen-passing([]filter.Rule[T]{rule}); got != want {
			t.Errorf("%s drops %d alone, want %d", rule.Name, got, want)
		}
		without := slices.Delete(slices.Clone(rules), i, i+1)
		if got, want := s.Rules[i].Only, passing(without)-s.Passed; got != want {
			t.Errorf("%d are dropped by %s only, want %d", got, rule.Name, want)
		}
		if got, want := s.Rules[i].InOrder, passing(rules[:i])-passing(rules[:i+1]); got != want {
			t.Errorf("%s drops %d in order, want %d", rule.Name, got, want)
		}
		for k, trial := range s.Trials(i) {
			limits++
			today := false
			for _, row := range trial.Kept() {
				trying := rulesOf(with(someOptions, trial.Limit.Key, row.At))
				if got, want := row.Others, passing(trying); got != want {
					t.Errorf("%s %v: %d pass with the others, want %d", trial.Limit.Key, row.At, got, want)
				}
				alone := trying[i] // without the other limits of the rule
				for j, l := range rules[i].Limits {
					if j != k {
						alone = rulesOf(with(with(someOptions, trial.Limit.Key, row.At), l.Key, 0))[i]
					}
				}
				if got, want := row.Alone, passing([]filter.Rule[T]{alone}); got != want {
					t.Errorf("%s %v: %d pass alone, want %d", trial.Limit.Key, row.At, got, want)
				}
				if row.At == trial.Limit.At {
					if today = true; row.Others != s.Passed {
						t.Errorf("%s as it is: %d pass with the others, but %d pass all rules", trial.Limit.Key, row.Others, s.Passed)
					}
				}
			}
			if !today {
				t.Errorf("%s: the threshold that is set is not tried", trial.Limit.Key)
			}
		}
	}
	if limits < 2 {
		t.Errorf("only %d limits were tried", limits)
	}
}

func TestSurveysAdd(t *testing.T) {
	rules := filter.TextRules(someOptions.Text)
	whole, _ := New(rules)
	sum, _ := New(rules)
	texts := someTexts(300)
	for _, t := range texts {
		whole.See(t)
	}
	for part := range slices.Chunk(texts, 70) {
		s, _ := New(rules)
		for _, t := range part {
			s.See(t)
		}
		sum.Add(s)
	}
	if sum.Seen != whole.Seen || sum.Passed != whole.Passed || !slices.Equal(sum.Rules, whole.Rules) || !reflect.DeepEqual(sum.trials, whole.trials) {
		t.Errorf("four workers count otherwise than one:\n%+v\n%+v", sum.Rules, whole.Rules)
	}
}

func TestTooManyRules(t *testing.T) {
	if _, err := New(make([]filter.Rule[filter.Text], MaxRules+1)); err == nil {
		t.Error("more rules are taken than can be told apart")
	}
}

func TestGrid(t *testing.T) {
	for _, tt := range []struct {
		limit     filter.Limit
		has, less []float64 // least is the first, and no other lies below it
	}{
		{filter.Limit{Key: "text.min_words", Least: true, At: 37}, []float64{1, 2, 3, 5, 10, 37, 100}, []float64{1}},
		{filter.Limit{Key: "text.max_word_repetition", At: 0.42}, []float64{0.2, 0.42, 0.5, 1}, []float64{0.01}},
		{filter.Limit{Key: "picture.max_aspect_ratio", At: 3}, []float64{1, 1.5, 3, 10}, []float64{1}},
		{filter.Limit{Key: "picture.min_short_side", Least: true}, []float64{64, 200, 224, 256, 1024}, []float64{1}},
	} {
		grid := Grid(tt.limit)
		if !slices.IsSorted(grid) || grid[0] != tt.less[0] || len(grid) != len(slices.Compact(slices.Clone(grid))) {
			t.Errorf("%s: the grid is %v", tt.limit.Key, grid)
		}
		for _, at := range tt.has {
			if !slices.Contains(grid, at) {
				t.Errorf("%s: %v is not tried: %v", tt.limit.Key, at, grid)
			}
		}
	}
}

func TestSample(t *testing.T) {
	keep := func(keys ...uint64) []string {
		s := NewSample(3, func(a, b string) bool { return a < b })
		for i, key := range keys {
			s.Offer(key, fmt.Sprintf("%d%c", key, 'a'+i))
		}
		return s.Choose(9, func(e string) string { return e })
	}
	if got, want := keep(5, 9, 2, 7, 2), []string{"2c", "5a", "7d"}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	s := NewSample(4, func(a, b string) bool { return a < b })
	for i, e := range []string{"fox", "fox", "cat", "fox"} {
		s.Offer(uint64(i), e+fmt.Sprint(i))
	}
	if got, want := s.Choose(3, func(e string) string { return e[:3] }), []string{"fox0", "fox1", "cat2"}; !slices.Equal(got, want) {
		t.Errorf("chose %v, want %v: one of each first", got, want)
	}
	other := NewSample(4, func(a, b string) bool { return a < b })
	other.Offer(1, "bat")
	s.Add(other)
	if got, want := s.Choose(9, func(e string) string { return e }), []string{"fox0", "bat", "cat2", "fox3"}; !slices.Equal(got, want) {
		t.Errorf("together %v, want %v", got, want)
	}
}

func TestSeeAllocatesNothing(t *testing.T) {
	s, _ := New(filter.TextRules(someOptions.Text))
	texts := someTexts(50)
	see := func() {
		for _, t := range texts {
			s.See(t)
		}
	}
	see()
	if n := testing.AllocsPerRun(100, see); n > 0 {
		t.Errorf("%v allocations for %d texts, want none", n, len(texts))
	}
}
