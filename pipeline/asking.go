package pipeline

import (
	"context"
	"fmt"
	"iter"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/shard"
)

// How pictures are asked for: far ahead of the part that is written next, so that a
// slow server holds up its own pictures alone, and written in the order of the
// questions, so that the parts do not depend on who answers when.

// askedAhead is how many pictures are asked for beyond a part that is not complete.
const askedAhead = 8192

// handBytes is what the pictures in hand may take in memory; then they are saved.
const handBytes = 32 << 20

// question asks for one picture.
type question struct {
	fetch.Request
	old    oldPicture // where it is asked for again
	begins bool       // a batch begins with it
}

// batch is what is written at one time: a part, or what there is anew of some parts.
type batch struct {
	questions []question
	answers   []handRow
	open      int  // questions without an answer
	full      bool // no question comes to it any more
	obey      func(*shard.Image)
}

// asking is one walk over questions. Its batches are touched by one goroutine at a
// time: that of the questions hands them over through next, under the lock of the
// walk, and that of the answers takes them at each answer.
type asking struct {
	*fetching
	write   func(*batch) error
	batches []*batch
	places  []place // of questions that were asked, from number first on
	first   int
}

// place is that of a question: the batch and the number within.
type place struct {
	batch *batch
	at    int
}

// ask asks the questions and has each batch written, in order, when all its answers
// are there: from what the last run had in hand, as far as it still holds, and from the
// servers. Every now and then, and when it does not come to its end, it saves what is
// in hand.
func (w *fetching) ask(ctx context.Context, f *fetch.Fetcher, questions iter.Seq2[question, error], write func(*batch) error) error {
	a := &asking{fetching: w, write: write}
	ctx, spent := context.WithCancelCause(ctx)
	defer spent(nil)
	err := f.All(ctx, a.requests(questions), askedAhead+2*w.Options.PartPictures, func(i int, row *shard.Image) error {
		row.Setting = fetch.Setting(row, w.Gate)
		w.obey(row)
		if fetch.Transient(row.Status) {
			row.Tries = 1
		}
		if err := a.answer(i, row); err != nil {
			return err
		}
		if w.bytes += row.OriginalBytes; w.Options.MaxBytes > 0 && w.bytes >= w.Options.MaxBytes {
			spent(bytesSpent(w.Options.MaxBytes))
		}
		return nil
	})
	if err == nil {
		return a.writeFull()
	}
	if saveErr := w.hand.save(w.Now()); saveErr != nil {
		return saveErr
	}
	if ctx.Err() != nil {
		all := w.tally.In + w.total - w.done
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, b := range a.batches {
			for i := range b.answers {
				if b.answers[i].there() {
					w.tallyStatus(b.answers[i].status)
				}
			}
		}
		return &StoppedError{context.Cause(ctx), keptOf(w.tally.In, all, "pictures")}
	}
	return err
}

// requests are the questions that no answer is in hand for.
func (a *asking) requests(questions iter.Seq2[question, error]) iter.Seq2[fetch.Request, error] {
	return func(yield func(fetch.Request, error) bool) {
		for q, err := range questions {
			if err != nil {
				yield(fetch.Request{}, err)
				return
			}
			if !a.add(&q) && !yield(q.Request, nil) {
				return
			}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if n := len(a.batches); n > 0 {
			a.batches[n-1].full = true
		}
	}
}

// add adds a question to its batch; inHand tells that the last run has the answer.
func (a *asking) add(q *question) (inHand bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.batches)
	if n == 0 || q.begins {
		if n > 0 {
			a.batches[n-1].full = true
		}
		a.batches = append(a.batches, &batch{obey: a.obey})
		n++
	}
	b := a.batches[n-1]
	b.questions = append(b.questions, *q)
	row, inHand := a.hand.take(q.ImageID, func(facts *shard.Image) bool {
		return facts.FetchTime <= a.began.Unix() && !a.dueAgain(facts) && (q.Conditional() || !fetch.Unchanged(facts))
	})
	b.answers = append(b.answers, row)
	if inHand {
		a.answered++
		return true
	}
	b.open++
	a.places = append(a.places, place{b, len(b.answers) - 1})
	return false
}

// answer takes the answer to request number i.
func (a *asking) answer(i int, row *shard.Image) error {
	a.mu.Lock()
	at := &a.places[i-a.first]
	at.batch.answers[at.at] = a.hand.add(row)
	at.batch.open--
	at.batch = nil
	for len(a.places) > 0 && a.places[0].batch == nil {
		a.places = a.places[1:]
		a.first++
	}
	a.answered++
	done := a.answered
	a.mu.Unlock()
	a.progress(done, a.total)
	if err := a.writeFull(); err != nil {
		return err
	}
	now := a.Now()
	if a.hand.bytes > handBytes || a.Options.SaveEvery > 0 && now.Sub(a.hand.saved) >= a.Options.SaveEvery {
		return a.hand.save(now)
	}
	return nil
}

// writeFull writes the batches that are complete, up to the first that is not.
func (a *asking) writeFull() error {
	for {
		a.mu.Lock()
		if len(a.batches) == 0 || !a.batches[0].full || a.batches[0].open > 0 {
			a.mu.Unlock()
			return nil
		}
		b := a.batches[0]
		a.batches = a.batches[1:]
		a.mu.Unlock()
		if err := a.write(b); err != nil {
			return err
		}
		a.done += int64(len(b.questions))
		for i := range b.answers {
			if err := a.hand.drop(&b.answers[i]); err != nil {
				return err
			}
		}
		a.hand.forget()
	}
}

// row is the answer to question i of the batch. It lives until the next.
func (b *batch) row(i int) (*shard.Image, error) {
	row, err := b.answers[i].image()
	if err != nil {
		return nil, err
	}
	if row != nil && b.obey != nil { // the last run may have left it, by another list of refusals
		b.obey(row)
	}
	return row, outcome(b.questions[i].Request, row)
}

// outcome checks that the request has its outcome: one that is missing must not
// pass for a picture that was fetched.
func outcome(r fetch.Request, row *shard.Image) error {
	if row == nil || row.ImageID != r.ImageID || row.Status == "" && len(row.Bytes) == 0 && !(fetch.Unchanged(row) && r.Conditional()) {
		return fmt.Errorf("fetch: picture %s has no outcome; this is a bug in pairloom, please report it", r.URL)
	}
	return nil
}

// bytesSpent is the end of a run whose fetch.max_bytes are used up: its value.
type bytesSpent int64

func (e bytesSpent) Error() string {
	return fmt.Sprintf("fetch.max_bytes of %s reached", Grouped(int64(e)))
}
func (e bytesSpent) Is(target error) bool { return target == ErrTimeUp }
