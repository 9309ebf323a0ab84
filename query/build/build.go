package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/query"
)

// Options say from what a list is made.
type Options struct {
	Dumps   []string // pages-articles XML, plain or .bz2; each is counted by itself
	Views   []string // hourly page-view files, plain or .gz
	WordNet string   // folder of WordNet's data.* files; empty means none

	Project        string  // project of the page-view rows; empty means "en"
	MinCount       int64   // occurrences of a word; 0 means 100
	MinPMI         float64 // bits; 0 means 30
	MinPhraseCount int64   // occurrences of a phrase; 0 means 1, as MetaCLIP has it
	MinViews       int64   // views of a title over all files; 0 means 70
	Size           int     // entries; 0 means 500,000
	Date           string  // date of the sources, YYYY-MM-DD, for the header

	Temp    string // folder for sorting and for finished counts, made when missing
	Memory  int    // bytes; 0 means 1 GiB, the least is 64 MiB
	Workers int    // 0 means 1

	// Progress, where given, is told how far a phase is.
	Progress func(phase string, done, total int64)
}

// Result is a list, ready to be encoded, and what became of the sources.
type Result struct {
	Header  []string
	Entries []query.Entry
	Dumps   []DumpTally
	Views   ViewsTally
	// BestPMI is the highest pointwise mutual information that was seen among
	// phrases that might have passed; -Inf where there was none.
	BestPMI float64
	// Cut is how many entries had no room, by source.
	Cut map[string]int
	// Unfit is how many texts were over 256 characters or held no word.
	Unfit int
}

var datePattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

func (o *Options) fill() {
	o.Project = cmp.Or(o.Project, "en")
	o.MinCount = cmp.Or(o.MinCount, 100)
	o.MinPMI = cmp.Or(o.MinPMI, 30)
	o.MinPhraseCount = cmp.Or(o.MinPhraseCount, 1)
	o.MinViews = cmp.Or(o.MinViews, 70)
	o.Size = cmp.Or(o.Size, 500_000)
	o.Memory = cmp.Or(o.Memory, 1<<30)
	o.Workers = cmp.Or(o.Workers, 1)
}

// Validate reports every fault of the options.
func (o *Options) Validate() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(len(o.Dumps)+len(o.Views) == 0 && o.WordNet == "", "no source: name a dump, page-view files or WordNet's folder")
	fault(o.Date != "" && !datePattern.MatchString(o.Date), "date %q: want YYYY-MM-DD", o.Date)
	fault(o.Memory != 0 && o.Memory < 64<<20, "memory of %d bytes is under 64 MiB", o.Memory)
	fault(o.Temp == "", "no folder for sorting")
	fault(o.MinCount < 0 || o.MinPhraseCount < 0 || o.MinViews < 0 || o.Size < 0 || o.Workers < 0, "a negative number")
	return errors.Join(faults...)
}

func (o *Options) progress(phase string, done, total int64) {
	if o.Progress != nil {
		o.Progress(phase, done, total)
	}
}

// Build makes a list.
func Build(ctx context.Context, o Options) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("build query list: %w", err)
	}
	o.fill()
	a := &assembly{o: &o, result: &Result{Cut: map[string]int{}}, exact: map[string]bool{}, folded: map[string]bool{}}
	a.header()
	// What can be refused at once comes before hours of counting.
	synsets := map[string]int64{}
	if o.WordNet != "" {
		var err error
		if synsets, err = readWordNet(o.WordNet); err != nil {
			return nil, err
		}
	}
	titles, tally, err := readViews(ctx, o.Views, o.Project, func(done int64) { o.progress("page views", done, int64(len(o.Views))) })
	if err != nil {
		return nil, err
	}
	a.result.Views = tally
	a.sorted("wordnet", synsets, 1, caseless)
	if err := a.dumps(ctx); err != nil {
		return nil, err
	}
	a.sorted("title", titles, o.MinViews, commonest)
	if err := a.sources(ctx); err != nil {
		return nil, err
	}
	if len(a.result.Entries) == 0 {
		return nil, fmt.Errorf("build query list: nothing reached the thresholds; lower --min-count, --min-pmi or --min-views")
	}
	return a.result, nil
}

// caseless orders by the text without case; of spellings that differ by case
// alone the one in lower case comes first, since clean matching finds the first.
func caseless(x, y query.Entry) int {
	return cmp.Or(cmp.Compare(strings.ToLower(x.Text), strings.ToLower(y.Text)), cmp.Compare(y.Text, x.Text))
}

func commonest(x, y query.Entry) int {
	return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Text, y.Text))
}

// assembly is a list that is being made.
type assembly struct {
	o             *Options
	result        *Result
	exact, folded map[string]bool
}

func (a *assembly) header() {
	o := a.o
	a.result.Header = []string{
		"recipe: WordNet's synsets by text without case; words by count; phrases of two words by pointwise mutual information; titles by views; cut at the end",
		fmt.Sprintf("threshold: min-count %d, min-pmi %g, min-phrase-count %d, min-views %d, size %d, project %s",
			o.MinCount, o.MinPMI, o.MinPhraseCount, o.MinViews, o.Size, o.Project),
	}
	if o.Date != "" {
		a.result.Header = append(a.result.Header, "date: "+o.Date)
	}
}

// sources adds the sources with their hashes to the header.
func (a *assembly) sources(ctx context.Context) error {
	add := func(kind, path, sum string) {
		a.result.Header = append(a.result.Header, fmt.Sprintf("source: %s %s sha256 %s", kind, strings.ToValidUTF8(strings.ReplaceAll(filepath.Base(path), "\n", " "), "?"), sum))
	}
	for i, path := range a.o.Dumps {
		add("dump", path, a.result.Dumps[i].SHA256)
	}
	files := map[string][]string{"views": a.o.Views}
	if a.o.WordNet != "" {
		for _, f := range wordNetFiles {
			files["wordnet"] = append(files["wordnet"], filepath.Join(a.o.WordNet, f))
		}
	}
	for _, kind := range []string{"views", "wordnet"} {
		for _, path := range files[kind] {
			sum, err := hashFile(ctx, path, nil)
			if err != nil {
				return err
			}
			add(kind, path, sum)
		}
	}
	return nil
}

// dumps counts the dumps and adds their words and phrases.
func (a *assembly) dumps(ctx context.Context) error {
	if len(a.o.Dumps) == 0 {
		return nil
	}
	release, err := openTemp(a.o.Temp)
	if err != nil {
		return err
	}
	defer release()
	var words, phrases []string
	total := int64(0)
	for i, path := range a.o.Dumps {
		c, err := countDump(ctx, path, a.o)
		if err != nil {
			return err
		}
		for j, earlier := range a.result.Dumps {
			if earlier.SHA256 == c.tally.SHA256 {
				return fmt.Errorf("build query list: %s and %s are the same dump; name it once", a.o.Dumps[j], a.o.Dumps[i])
			}
		}
		a.result.Dumps = append(a.result.Dumps, c.tally)
		words, phrases = append(words, c.words), append(phrases, c.phrases)
		total += c.tally.Words
	}
	var common []query.Entry
	for c, err := range merged(words) {
		if err != nil {
			return err
		}
		if c.n >= a.o.MinCount {
			common = append(common, query.Entry{Text: string(c.key), Source: "word", Count: c.n})
		}
	}
	slices.SortFunc(common, commonest)
	for _, e := range common {
		a.take(e)
	}
	a.o.progress("mutual information", 0, 0)
	walk := func(paths []string) func() iter.Seq2[count, error] {
		return func() iter.Seq2[count, error] { return merged(paths) }
	}
	pairs, best, err := phrasesAbove(walk(phrases), walk(words), total, a.o)
	if err != nil {
		return err
	}
	a.result.BestPMI = best
	for _, p := range pairs {
		a.take(query.Entry{Text: p.text, Source: "phrase", Count: p.n})
	}
	return nil
}

func topPhrases(list []scored, most int) []scored {
	slices.SortFunc(list, func(x, y scored) int {
		return cmp.Or(cmp.Compare(y.pmi, x.pmi), cmp.Compare(y.n, x.n), cmp.Compare(x.text, y.text))
	})
	return list[:min(len(list), most)]
}

func (a *assembly) sorted(source string, texts map[string]int64, least int64, order func(x, y query.Entry) int) {
	var list []query.Entry
	for text, n := range texts {
		if n >= least {
			list = append(list, query.Entry{Text: text, Source: source, Count: n})
		}
	}
	slices.SortFunc(list, order)
	for _, e := range list {
		a.take(e)
	}
}

// take adds an entry unless the list has it, but for case, already. WordNet's own
// spellings all stay: turkey and Turkey.
func (a *assembly) take(e query.Entry) {
	key := fold.Text(e.Text)
	switch {
	case a.exact[e.Text] || a.folded[key] && e.Source != "wordnet":
	case utf8.RuneCountInString(e.Text) > 256 || len(fold.Words(nil, []byte(key))) == 0 || strings.ContainsAny(e.Text, "\t\n\r") || strings.HasPrefix(e.Text, "# "):
		a.result.Unfit++
	case len(a.result.Entries) >= a.o.Size:
		a.result.Cut[e.Source]++
	default:
		a.exact[e.Text], a.folded[key] = true, true
		a.result.Entries = append(a.result.Entries, e)
	}
}
