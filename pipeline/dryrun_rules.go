package pipeline

import (
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/filter/preview"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"golang.org/x/sync/errgroup"
)

// named tells rules by their name.
func named(name string) func(filter.Rule[filter.Text]) bool {
	return func(r filter.Rule[filter.Text]) bool { return r.Name == name }
}

// triedRules are rules over records of one kind, what a survey counts of them, and
// samples of what each drops.
type triedRules[T any] struct {
	rules   []filter.Rule[T]
	survey  *preview.Survey[T]
	samples []*preview.Sample[droppedPair]
}

func newTriedRules[T any](rules []filter.Rule[T]) (*triedRules[T], error) {
	survey, err := preview.New(rules)
	if err != nil {
		return nil, err
	}
	return &triedRules[T]{rules, survey, newPairSamples(len(rules))}, nil
}

// offer gives a record that rules drop to their samples; pair makes the entry when one
// of them wants it.
func (t *triedRules[T]) offer(record *T, by preview.Dropped, key uint64, pair func() droppedPair) {
	for i := range t.rules {
		if by.By(i) && t.samples[i].Wants(key) {
			p := pair()
			p.by, p.detail = by, strings.Clone(t.rules[i].Detail(record)) // it may be one of the record's texts
			t.samples[i].Offer(key, p)
		}
	}
}

func (t *triedRules[T]) add(o *triedRules[T]) {
	t.survey.Add(o.survey)
	for i := range t.samples {
		t.samples[i].Add(o.samples[i])
	}
}

// result is what the survey found, for the result; likeness says of two entries that
// they show the same.
func (t *triedRules[T]) result(d *dryRun, name, unit string, likeness func(droppedPair) string) {
	s := stats.DryStep{Name: name, Unit: unit, In: t.survey.Seen, Kept: t.survey.Passed, Rules: []stats.DropRule{}}
	var names []string
	for i, rule := range t.rules {
		names = append(names, rule.Name)
		counts := t.survey.Rules[i]
		keys := ruleSettings[rule.Name]
		r := stats.DropRule{Rule: rule.Name, Alone: &counts.Alone, InOrder: counts.InOrder, Only: &counts.Only, WhatIf: []stats.WhatIf{}, Samples: []stats.DropSample{}}
		for _, trial := range t.survey.Trials(i) {
			key := "filter." + trial.Limit.Key
			keys = append(keys, key)
			r.WhatIf = append(r.WhatIf, whatIfOf(key, trial, d.allows(trial.Limit.Key)))
		}
		r.Settings = d.settingsOf(keys...)
		s.Rules = append(s.Rules, r)
	}
	step := d.addStep(s)
	for i := range step.Rules {
		d.shown = append(d.shown, &shownRule{&step.Rules[i], names, i, t.samples[i].Choose(stats.DropSamples, likeness)})
	}
}

// allows tells of values of a key in the section filter whether the configuration may
// have them, beside today's others.
func (d *dryRun) allows(key string) func(at float64) bool {
	return func(at float64) bool {
		o := d.Options.Filter
		settings.Walk(reflect.ValueOf(&o).Elem(), func(path string, f settings.Field) {
			switch {
			case path != key:
			case f.Value.CanInt():
				f.Value.SetInt(int64(at))
			default:
				f.Value.SetFloat(at)
			}
		})
		return o.Validate() == nil
	}
}

// whatIfOf lists the thresholds that are allowed, from the loosest on: without one a
// least value comes first, and a greatest one last.
func whatIfOf(key string, trial preview.Trial, allowed func(at float64) bool) stats.WhatIf {
	w := stats.WhatIf{Key: key, Least: trial.Limit.Least, Today: trial.Limit.At}
	kept := trial.Kept()
	if !w.Least {
		kept = append(kept[1:], kept[0])
	}
	for _, k := range kept {
		if allowed(k.At) {
			w.Rows = append(w.Rows, stats.WhatIfRow{At: k.At, Alone: k.Alone, Others: k.Others})
		}
	}
	return w.Trimmed()
}

// texts tries the text rules, and that a text contains a query, on all candidates.
func (d *dryRun) texts(inputs []producer) error {
	workers := make([]*textTrial, d.Options.workers())
	for i := range workers {
		w := &textTrial{dryRun: d}
		var err error
		if w.triedRules, err = newTriedRules(d.judge.asked(&w.scratch)); err != nil {
			return err
		}
		defer w.in.Close()
		workers[i] = w
	}
	var mu sync.Mutex
	told := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		d.tell(n)
	}
	for _, in := range inputs {
		for _, part := range in.manifest.Parts {
			if err := d.textsOf(filepath.Join(d.Dir, in.folder), part, workers, told); err != nil {
				return err
			}
		}
	}
	for _, w := range workers[1:] {
		workers[0].add(w.triedRules)
	}
	d.out.Candidates = workers[0].survey.Seen
	workers[0].result(d, "texts", "candidates", func(p droppedPair) string { return p.text })
	for _, s := range d.shown {
		for _, p := range s.samples {
			d.wanted[p.imageID] = nil
		}
	}
	return nil
}

// textsOf shows the candidates of one part to the workers, batch by batch.
func (d *dryRun) textsOf(folder string, part shard.Part, workers []*textTrial, told func(int64)) error {
	r, err := shard.OpenPart[shard.Candidate](folder, part)
	if err != nil {
		return err
	}
	defer r.Close()
	var next atomic.Int64
	g, ctx := errgroup.WithContext(d.ctx)
	for _, w := range workers[:min(len(workers), r.Batches())] {
		g.Go(func() error {
			for i := int(next.Add(1) - 1); i < r.Batches(); i = int(next.Add(1) - 1) {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := r.Load(i, &w.in); err != nil {
					return err
				}
				w.run()
				told(int64(w.in.Len()))
			}
			return nil
		})
	}
	return g.Wait()
}

// textTrial is what one worker has seen, and its memory.
type textTrial struct {
	*dryRun
	*triedRules[filter.Text]
	in        shard.Batch[shard.Candidate]
	candidate shard.Candidate
	scratch   JudgeScratch
}

func (w *textTrial) run() {
	c, text := &w.candidate, &w.scratch.text
	for i := range w.in.Len() {
		w.in.Read(i, c)
		w.judge.prepare(c)
		if _, refused := refusesCandidate(w.judge.refused, c); refused {
			continue // no rule is asked, and nobody is shown it
		}
		text.Set(c)
		by := w.survey.See(text)
		if by == 0 {
			continue
		}
		id := shard.PairID(c.ImageURL, c.Text)
		w.offer(text, by, w.sampleKey(id), func() droppedPair {
			return droppedPair{
				pairID: id, imageID: shard.ImageID(c.ImageURL), imageURL: strings.Clone(c.ImageURL), pageURL: strings.Clone(c.PageURL), text: strings.Clone(stats.CutText(c.Text)),
			}
		})
	}
}

// pictures tries the picture rules on all matched pairs whose picture is there.
func (d *dryRun) pictures() error {
	judge := PictureJudge{filter.PictureRules(d.Options.Filter.Picture), d.asked, d.judge.refused}
	tried, err := newTriedRules(judge.rules)
	if err != nil {
		return err
	}
	look := func(p *picturePlace) error {
		if _, wanted := d.wanted[p.image.ImageID]; wanted && p.image.Status == "" {
			d.wanted[p.image.ImageID] = &picturePlace{part: p.part, row: p.row}
		}
		return nil
	}
	missing := shard.NewTally(FetchName, "pairs", "pairs")
	rows := shard.Rows[shard.Matched](filepath.Join(d.Dir, shard.MatchedFolder), d.matched.Parts, "pair_id", "image_id", "page_url", "image_url", "text")
	for j, err := range joinPictures(rows, pictureIndex(d.Dir, d.images, factColumns, d.Options.memory()/3), look) {
		if err == nil {
			err = d.ctx.Err()
		}
		if err != nil {
			return err
		}
		if d.out.Matched++; d.out.Matched%1024 == 0 {
			d.tell(1024)
		}
		var image *shard.Image
		if j.picture != nil {
			image = &j.picture.image
			_ = look(j.picture)
		}
		switch reason, _ := judge.Judge(j.matched, image); {
		case reason == ReasonQueryFull, reason == ReasonRefused:
			missing.Drop(reason)
			continue
		case reason == ReasonNotFetched && image == nil:
			missing.Drop("never asked for")
			continue
		case reason == ReasonNotFetched:
			missing.Drop(image.Status)
			continue
		}
		by := tried.survey.See(image)
		if by == 0 {
			continue
		}
		m := j.matched
		tried.offer(image, by, d.sampleKey(m.PairID), func() droppedPair {
			p := droppedOf(m)
			p.part, p.row, p.pictured = j.picture.part, j.picture.row, true
			return p
		})
	}
	d.out.Fetched, d.out.NotFetched = tried.survey.Seen, countsOf(missing)
	tried.result(d, "pictures", "pairs", func(p droppedPair) string { return p.imageURL })
	return nil
}

// droppedOf is an entry of a sample, with its own memory.
func droppedOf(m *shard.Matched) droppedPair {
	return droppedPair{
		pairID: m.PairID, imageID: m.ImageID, imageURL: strings.Clone(m.ImageURL), pageURL: strings.Clone(m.PageURL), text: strings.Clone(stats.CutText(m.Text)),
	}
}
