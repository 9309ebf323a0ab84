package pipeline

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter/preview"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// kept is a tap in the chain of deduplication, which closes its steps when they have
// decided: what it holds is needed longer.
type kept struct{ *dedup.Tap }

func (kept) Close() error { return nil }

// tapMemory is what a tap holds before it spills.
const tapMemory = 4 << 20

// exactRule is one of the decisions of exact deduplication.
type exactRule struct {
	reason string
	keys   []string
	copy   func(to, from *dedup.Options) // the settings by which it decides
	limits []exactLimit
}

// exactLimit is one of its limits; 0 drops nothing.
type exactLimit struct {
	key string
	of  func(*dedup.Options) *int
}

// exactRules are those of o, in the order in which they decide.
func exactRules(o dedup.Options) []exactRule {
	equal := dedup.ReasonDuplicate
	if o.Exact == "pair" {
		equal = dedup.ReasonDuplicatePair
	}
	limit := func(key string, of func(*dedup.Options) *int) exactLimit { return exactLimit{"dedup." + key, of} }
	urls := limit("max_urls_per_picture", func(o *dedup.Options) *int { return &o.MaxURLsPerPicture })
	texts := limit("max_texts_per_picture", func(o *dedup.Options) *int { return &o.MaxTextsPerPicture })
	pictures := limit("max_pictures_per_text", func(o *dedup.Options) *int { return &o.MaxPicturesPerText })
	of := func(reason string, limits ...exactLimit) exactRule {
		r := exactRule{reason: reason, limits: limits, copy: func(to, from *dedup.Options) {
			for _, l := range limits {
				*l.of(to) = *l.of(from)
			}
		}}
		for _, l := range limits {
			r.keys = append(r.keys, l.key)
		}
		return r
	}
	return []exactRule{
		of(dedup.ReasonPlaceholder, urls, texts),
		{reason: equal, keys: []string{"dedup.exact"}, copy: func(to, from *dedup.Options) { to.Exact = from.Exact }},
		of(dedup.ReasonRepeatedText, pictures),
	}
}

// nothingExact are the settings by which exact deduplication lets all pass.
var nothingExact = dedup.Options{Exact: "none"}

// laterRules are the reasons of the steps behind exact deduplication, with their keys.
var laterRules = []struct {
	reason string
	keys   []string
}{
	{dedup.ReasonEvaluationPicture, []string{"dedup.against", "dedup.against_distance", "dedup.against_correlation"}},
	{dedup.ReasonHeldOutCopy, []string{"shard.heldout_share", "dedup.picture_distance"}},
	{dedup.ReasonNearPicture, []string{"dedup.picture_distance"}},
	{dedup.ReasonEvaluationText, []string{"dedup.against", "dedup.against_text_similarity", "dedup.against_text_words"}},
	{dedup.ReasonNearText, []string{"dedup.text_similarity", "dedup.text_min_characters"}},
}

// repeatLimits are the limits that are tried of exact deduplication, beside today's
// and none.
var repeatLimits = []int{1, 2, 3, 5, 10, 20, 50, 100, 1000}

// queryLimits are those that are tried of the balance.
var queryLimits = []int{1, 10, 100, 1000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000}

// limitsWith lists the limits, today's and, last, none.
func limitsWith(limits []int, today int) []int {
	list := append(slices.Clone(limits), today)
	slices.Sort(list)
	list = slices.Compact(list)
	return append(slices.DeleteFunc(list, func(n int) bool { return n == 0 }), 0)
}

// duplicates decides on the pairs as curate does, and tries other limits on what came
// to deduplication, and to the balance.
func (d *dryRun) duplicates() error {
	memory := d.Options.memory()
	c := Curate{d.Dir, d.Options.Filter, d.Options.Dedup, d.Options.Balance, d.Options.Seed, d.Options.Shard.HeldoutShare, memory, d.queries, d.PictureChild, d.Options.workers()}
	images := &shard.Manifest{Parts: d.images}
	sets, err := c.readEvaluationSets(d.ctx, images)
	if err != nil {
		return err
	}
	if sets != nil {
		defer sets.Close()
	}
	decide, err := c.steps(d.ctx, sets, "") // it keeps nothing for the next run
	if err != nil {
		return err
	}
	before, after := dedup.NewTap(d.Dir, tapMemory), dedup.NewTap(d.Dir, tapMemory)
	defer before.Close()
	defer after.Close()
	r := &curation{
		Curate: c, ctx: d.ctx, matched: d.matched, decisions: extsort.New(d.Dir, memory/6),
		steps:   append([]step{kept{before}}, append(decide, kept{after})...),
		overlap: newOverlap(sets, d.Dir),
	}
	defer r.decisions.Close()
	defer r.overlap.Close()
	for _, s := range r.steps {
		defer s.Close()
	}
	var told int64
	judged := func(n int64) { d.tell(n - told); told = n }
	if err := r.judgePictures(images, judged); err != nil {
		return err
	}
	balancer, err := newBalancer(d.Options.Balance, 0, d.Options.Seed, len(d.list.Entries), memory/6, d.Dir)
	if err != nil {
		return err
	}
	defer balancer.Close()
	if err := r.judgeDuplicates(balancer); err != nil {
		return err
	}
	if err := balancer.Settle(); err != nil {
		return err
	}
	if pass := d.out.Steps[len(d.out.Steps)-1].Kept; pass != before.Len() {
		return fmt.Errorf("dry run: %d pairs pass the picture rules, and %d came to deduplication; this is a bug in pairloom, please report it", pass, before.Len())
	}
	dropped, samples, err := d.decided(r, balancer)
	if err != nil {
		return err
	}
	if err := d.tryExact(before, after, dropped, samples); err != nil {
		return err
	}
	return d.tryBalance(after, balancer, dropped, samples)
}

// decided merges the decisions with the matched pairs and counts them by reason, with
// samples.
func (d *dryRun) decided(r *curation, balancer *balance.Balancer) (dropped map[string]int64, samples map[string]*preview.Sample[droppedPair], err error) {
	samples = map[string]*preview.Sample[droppedPair]{}
	tally := shard.NewTally(CurateName, "pairs", "pairs")
	next, stop := iter.Pull2(r.decisions.Sorted())
	defer stop()
	verdicts := merging{next: next, balancer: balancer, capped: balanceDetail(d.Options.Balance, 0)}
	verdicts.rec, verdicts.err, verdicts.more = next()
	var place uint64
	var s shard.Selection
	for m, err := range shard.Rows[shard.Matched](filepath.Join(d.Dir, shard.MatchedFolder), d.matched.Parts, "pair_id", "image_id", "query_ids", "page_url", "image_url", "text") {
		if err == nil {
			err = d.ctx.Err()
		}
		if err == nil {
			s = shard.Selection{PairID: m.PairID, QueryIDs: m.QueryIDs}
			err = verdicts.take(place, &s)
		}
		if err != nil {
			return nil, nil, err
		}
		if place++; place%1024 == 0 {
			d.tell(1024)
		}
		if s.Reason == "" {
			tally.Keep()
			continue
		}
		tally.Drop(s.Reason)
		sample := samples[s.Reason]
		if sample == nil {
			sample = newPairSamples(1)[0]
			samples[s.Reason] = sample
		}
		if key := d.sampleKey(m.PairID); sample.Wants(key) {
			p := droppedOf(m)
			p.detail, p.part, p.row, p.pictured = s.Detail, s.ImagePart, s.ImageRow, true
			sample.Offer(key, p)
		}
	}
	d.out.Kept = tally.Kept
	return tally.Dropped, samples, tally.Check()
}

// repeatStep makes a step's rules and leaves their samples to be shown.
type repeatStep struct {
	stats.DryStep
	samples []*preview.Sample[droppedPair]
}

func (s *repeatStep) add(r stats.DropRule, sample *preview.Sample[droppedPair]) {
	if r.WhatIf == nil {
		r.WhatIf = []stats.WhatIf{}
	}
	r.Samples = []stats.DropSample{}
	s.Rules, s.samples = append(s.Rules, r), append(s.samples, sample)
}

func (d *dryRun) addRepeats(s *repeatStep) {
	step := d.addStep(s.DryStep)
	for i, sample := range s.samples {
		if sample != nil {
			d.shown = append(d.shown, &shownRule{to: &step.Rules[i], samples: sample.Choose(stats.DropSamples, func(p droppedPair) string { return p.imageURL })})
		}
	}
}

// tryExact tells what exact deduplication and the steps behind it dropped and, of the
// first, what it would alone, and by other limits. What the later steps would is not
// tried: it takes as long as they do.
func (d *dryRun) tryExact(before, after *dedup.Tap, dropped map[string]int64, samples map[string]*preview.Sample[droppedPair]) error {
	o := d.Options.Dedup
	today, err := d.passExact(before, o)
	if err != nil {
		return err
	}
	s := &repeatStep{DryStep: stats.DryStep{Name: "exact_duplicates", Unit: "pairs", In: before.Len(), Kept: today, Rules: []stats.DropRule{}}}
	known := map[string]bool{ReasonNotFetched: true, ReasonQueryCap: true, ReasonRefused: true}
	for _, rule := range d.out.Steps[len(d.out.Steps)-1].Rules { // those of pictures
		known[rule.Rule] = true
	}
	for _, rule := range exactRules(o) {
		known[rule.reason] = true
		alone, without := nothingExact, o
		rule.copy(&alone, &o)
		rule.copy(&without, &nothingExact)
		passAlone, err := d.passExact(before, alone)
		if err != nil {
			return err
		}
		passWithout, err := d.passExact(before, without)
		if err != nil {
			return err
		}
		passAlone, passWithout = s.In-passAlone, passWithout-today
		r := stats.DropRule{Rule: rule.reason, Settings: d.settingsOf(rule.keys...), Alone: &passAlone, InOrder: dropped[rule.reason], Only: &passWithout}
		for _, limit := range rule.limits {
			w, err := d.tryLimit(before, limit)
			if err != nil {
				return err
			}
			r.WhatIf = append(r.WhatIf, w)
		}
		s.add(r, samples[rule.reason])
	}
	d.addRepeats(s)
	s = &repeatStep{DryStep: stats.DryStep{Name: "near_duplicates", Unit: "pairs", In: today, Kept: after.Len(), Rules: []stats.DropRule{}}}
	for _, rule := range laterRules {
		known[rule.reason] = true
		s.add(stats.DropRule{Rule: rule.reason, Settings: d.settingsOf(rule.keys...), InOrder: dropped[rule.reason]}, samples[rule.reason])
	}
	rest := shard.NewTally(CurateName, "pairs", "pairs")
	for reason, n := range dropped {
		if !known[reason] {
			rest.Dropped[reason] = n
		}
	}
	for _, reason := range rest.Reasons() {
		s.add(stats.DropRule{Rule: reason, Settings: []stats.Setting{}, InOrder: rest.Dropped[reason]}, samples[reason])
	}
	d.addRepeats(s)
	return nil
}

// tryLimit tries a limit of exact deduplication, alone and with today's settings.
func (d *dryRun) tryLimit(pairs *dedup.Tap, limit exactLimit) (stats.WhatIf, error) {
	o := d.Options.Dedup
	w := stats.WhatIf{Key: limit.key, Today: float64(*limit.of(&o))}
	off := o
	*limit.of(&off) = 0
	passOff, err := d.passExact(pairs, off)
	if err != nil {
		return w, err
	}
	row := stats.WhatIfRow{}
	for _, at := range limitsWith(repeatLimits, *limit.of(&o)) {
		row.At = float64(at)
		// What drops nothing alone drops nothing of fewer pairs, nor by a greater limit.
		if row.Alone != pairs.Len() && at > 0 {
			alone, with := nothingExact, o
			*limit.of(&alone), *limit.of(&with) = at, at
			if row.Alone, err = d.passExact(pairs, alone); err == nil && row.Alone < pairs.Len() {
				row.Others, err = d.passExact(pairs, with)
			}
			if err != nil {
				return w, err
			}
		} else {
			row.Alone = pairs.Len()
		}
		if row.Alone == pairs.Len() {
			row.Others = passOff
		}
		w.Rows = append(w.Rows, row)
	}
	return w.Trimmed(), nil
}

// passExact is how many of the pairs exact deduplication lets pass.
func (d *dryRun) passExact(pairs *dedup.Tap, o dedup.Options) (n int64, err error) {
	e := dedup.NewExact(o, d.Dir, d.Options.memory()/3)
	defer func() { err = errors.Join(err, e.Close()) }()
	for v, err := range pairs.Verdicts() {
		if err == nil {
			err = d.ctx.Err()
		}
		if err == nil {
			err = e.Add(&v.Pair)
		}
		if err != nil {
			return 0, err
		}
	}
	for v, err := range e.Verdicts() {
		if err == nil {
			err = d.ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		if v.Reason == "" {
			n++
		}
	}
	return n, nil
}

// tryBalance tells what the balance dropped, and tries other limits. balancer is that
// of today's, which knows the pairs of each query.
func (d *dryRun) tryBalance(pairs *dedup.Tap, balancer *balance.Balancer, dropped map[string]int64, samples map[string]*preview.Sample[droppedPair]) error {
	o := d.Options.Balance
	var most int64 // pairs of the query that has most
	for _, n := range balancer.Counts() {
		most = max(most, n.Before)
	}
	w := stats.WhatIf{Key: "balance.max_pairs_per_query", Today: float64(o.MaxPairsPerQuery)}
	for _, limit := range limitsWith(queryLimits, o.MaxPairsPerQuery) {
		n := pairs.Len() // all stay where no query has more
		if limit > 0 && int64(limit) < most {
			with := o
			with.MaxPairsPerQuery = limit
			var err error
			if n, err = d.passBalance(pairs, with); err != nil {
				return err
			}
		}
		w.Rows = append(w.Rows, stats.WhatIfRow{At: float64(limit), Alone: n, Others: n})
	}
	in, n := pairs.Len(), dropped[ReasonQueryCap]
	s := &repeatStep{DryStep: stats.DryStep{Name: "balance", Unit: "pairs", In: in, Kept: in - n, Rules: []stats.DropRule{}}}
	s.add(stats.DropRule{
		Rule: ReasonQueryCap, Settings: d.settingsOf("balance.mode", "balance.max_pairs_per_query"), Alone: &n, InOrder: n, Only: &n, WhatIf: []stats.WhatIf{w.Trimmed()},
	}, samples[ReasonQueryCap])
	d.addRepeats(s)
	return nil
}

// passBalance is how many of the pairs stay by other settings of the balance.
func (d *dryRun) passBalance(pairs *dedup.Tap, o BalanceOptions) (n int64, err error) {
	b, err := newBalancer(o, 0, d.Options.Seed, len(d.list.Entries), d.Options.memory()/6, d.Dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	walk := func(each func(*dedup.Pair) error) error {
		for v, err := range pairs.Verdicts() {
			if err == nil {
				err = d.ctx.Err()
			}
			if err == nil {
				err = each(&v.Pair)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(func(p *dedup.Pair) error { return b.Add(p.Place, p.PairID, p.QueryIDs) }); err != nil {
		return 0, err
	}
	if err := b.Settle(); err != nil {
		return 0, err
	}
	err = walk(func(p *dedup.Pair) error {
		if b.Keeps(p.Place, p.PairID, p.QueryIDs) {
			n++
		}
		return nil
	})
	return n, err
}
