package trainer

import (
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/clip"
)

// flopsBatches is the number of batches over which FlopsPerPair is a mean.
const flopsBatches = 8

// FlopsPerPair counts the useful operations that training takes for a pair of
// dir's shards, with the way back, as a mean over pairs from all of them. For
// convirt texts count whole. It computes none of them.
func FlopsPerPair(dir string, o Options) (float64, error) {
	if err := o.Validate(); err != nil {
		return 0, err
	}
	r := &run{options: o, dir: dir}
	if err := r.openPairs(); err != nil {
		return 0, err
	}
	defer r.source.Close()
	source := r.source
	if r.batch = min(o.Batch, source.Len()); r.batch < 2 {
		return 0, ErrTooFew
	}
	config, err := o.config()
	if err != nil {
		return 0, err
	}
	if o.Objective == clip.Supervised {
		if config.Classes, err = r.findClasses(); err != nil {
			return 0, err
		}
	}
	if err := r.findVocabulary(); err != nil {
		return 0, err
	}
	r.model = clip.New(config, r.vocabulary.Size())
	r.head = newHead(o, r.model)
	r.objective = r.newObjective()
	total, encoder := 0.0, r.vocabulary.NewEncoder()
	for i := range flopsBatches {
		var b batch.Batch
		for k := range r.batch {
			row := (i*r.batch + k) * source.Len() / (flopsBatches * r.batch)
			p, err := source.Facts(row)
			if err != nil {
				return 0, err
			}
			b.Captions.Add(encoder, p.Text, config.Context)
		}
		total += r.objective.flops(&b)
	}
	return total / float64(flopsBatches*r.batch), nil
}
