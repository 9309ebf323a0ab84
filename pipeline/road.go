package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// Work says on which dataset the road is made, and with what.
type Work struct {
	Dir     string // the dataset's folder
	Options Options
	Now     func() time.Time
	Version string // of the program, for the User-Agent
	// PictureChild is the command line of a child process that decodes pictures;
	// see package picture.
	PictureChild []string
	Log          *slog.Logger
	// Step, which may be nil, is told each step of training.
	Step func(trainer.Step)
	// Against is an older dataset's folder, or its stats.json, with which the report
	// compares; "" for none. Appendix asks for the report's tables for LaTeX.
	Against  string
	Appendix bool
}

// Road lists the stages in order.
func Road(w Work) []Stage {
	o := &w.Options
	list := NewQueryList(w.Dir, o.Match.Queries)
	road := []Stage{
		Crawl{w.Dir, o.Crawl, o.Gate, w.Version, w.Now, list, o.Match.Mode}.Stage(),
		newMatch(w.Dir, o, list).Stage(),
		Fetch{w.Dir, o.Fetch, o.Gate, o.Filter.Picture, o.Balance, o.Seed, o.memory(), w.Version, w.PictureChild, w.Now}.Stage(),
		Curate{w.Dir, o.Filter, o.Dedup, o.Balance, o.Seed, o.Shard.HeldoutShare, o.memory(), list, w.PictureChild, o.workers()}.Stage(),
		Shard{w.Dir, o.Shard, o.Fetch.Options, o.Seed, o.memory()}.Stage(),
		{}, // the report, which tells of the others
		NewTrain(w).Stage(),
		Eval{w.Dir, o.Eval, o.workers(), list, w.PictureChild}.Stage(),
	}
	i := slices.IndexFunc(road, func(s Stage) bool { return s.Name == "" })
	road[i] = Report{
		Dir: w.Dir, Options: o, List: list, Version: w.Version, Against: w.Against, Appendix: w.Appendix,
		Before: road[:i], Train: Train{Dir: w.Dir, Options: o.Train}.Stage(), Eval: Eval{w.Dir, o.Eval, o.workers(), list, nil}.Stage(),
	}.Stage()
	return road
}

// Select lists what run does: every stage from one to another, by name, where ""
// is the first and the last; and the report once more at the end, for the
// training and the evaluation that came after it.
func Select(road []Stage, from, to string) ([]Stage, error) {
	var names []string
	for _, s := range road {
		names = append(names, s.Name)
	}
	place := func(flag, name string, otherwise int) (int, error) {
		if name == "" {
			return otherwise, nil
		}
		i := slices.Index(names, name)
		if i < 0 {
			return 0, configurationError("--%s %s: there is no such stage; the stages are %s", flag, name, strings.Join(names, ", "))
		}
		return i, nil
	}
	first, err := place("from", from, 0)
	if err != nil {
		return nil, err
	}
	last, err := place("to", to, len(road)-1)
	if err != nil {
		return nil, err
	}
	if last < first {
		return nil, configurationError("--from %s --to %s: %s comes before %s; the order is %s", from, to, to, from, strings.Join(names, ", "))
	}
	list := slices.Clone(road[first : last+1])
	if report := slices.Index(names, ReportName); to == "" {
		list = append(list, road[report])
	}
	return list, nil
}

// Done is one stage's line of the account of [Do].
type Done struct {
	Stage   string
	Outcome        // of a stage that was skipped: the tally of the run that made it; of one that was stopped: what is known
	Skipped string // why the stage did not run, or could not do its work yet
	Took    time.Duration
}

// A Watcher is told what [Do] is at.
type Watcher interface {
	// Begin tells that stage i of n begins and returns where its progress goes.
	Begin(s *Stage, i, n int) Progress
	// End tells that it has ended, well or not.
	End()
}

// Do runs the stages in order, those that are stale or, with force, all; a stage
// that stands twice is not told of again when it was skipped. It stops at an
// error, behind a stage that is unfinished, and behind one that kept nothing
// ([ErrNothingKept]); but where the folders up to the report hold what an earlier run
// kept, they are made anew first, so that nothing stays in them that was withdrawn. An
// evaluation for which too few pairs are held out yet is skipped, unless it is all there
// is to do. What was done before an error is returned beside it, and
// what a stage has kept that was stopped. A stage that the end of its time stopped
// (see [WithLimit]) is unfinished, and no error; any other end of ctx is a
// [StoppedError].
func Do(ctx context.Context, stages []Stage, force bool, log *slog.Logger, watch Watcher) ([]Done, error) {
	var all []Done
	var nothing error
	for i := range stages {
		s := &stages[i]
		if nothing != nil && !(s.holdsPairs() && shard.IsFinished(s.path())) {
			return all, nothing
		}
		var leftOut []LeftOut
		if s.Name == MatchName {
			leftOut = unfinishedProducers(s.Dir)
		}
		for _, u := range leftOut {
			log.Warn("candidates are left out, for their folder is not finished", "folder", u.Folder, "what_to_do", u.GoOn)
		}
		done, err := do(ctx, s, force, log, func() Progress { return watch.Begin(s, i, len(stages)) }, watch.End)
		if len(stages) > 1 && errors.Is(err, evaluate.ErrTooFew) {
			log.Warn("there is no evaluation", "because", err)
			all = append(all, Done{Stage: s.Name, Skipped: err.Error()})
			continue
		}
		if err != nil {
			if done.Unfinished != "" {
				all = append(all, done)
			}
			return all, fmt.Errorf("%s: %w", s.Name, err)
		}
		if len(leftOut) > 0 {
			done.Result = Matched{leftOut}
		}
		if before := slices.IndexFunc(all, func(d Done) bool { return d.Stage == s.Name }); before >= 0 {
			if done.Skipped != "" {
				continue
			}
			all[before].Result = nil // what it told of holds no longer
		}
		all = append(all, done)
		if done.Unfinished != "" {
			return all, nil
		}
		if t := done.Tally; t.Kept == 0 && nothing == nil {
			nothing = &nothingKept{t}
		}
	}
	return all, nothing
}

// holdsPairs tells whether the stage's folder shows pairs or their pictures.
func (s *Stage) holdsPairs() bool {
	return slices.Contains([]string{MatchName, FetchName, CurateName, ShardName, ReportName}, s.Name)
}

func do(ctx context.Context, s *Stage, force bool, log *slog.Logger, begin func() Progress, end func()) (Done, error) {
	if ctx.Err() != nil {
		return stopped(ctx, Done{Stage: s.Name}, ctx.Err())
	}
	why, err := s.Stale()
	if err != nil {
		return Done{}, err
	}
	var unread []string
	if s.obeysRefusals() {
		if unread, err = RefusalFaults(s.Dir); err != nil {
			return Done{}, err
		}
	}
	if why == "" && !force {
		m, err := shard.ReadManifest(s.path())
		if err == nil && s.Tidy != nil {
			err = s.Tidy()
		}
		if err != nil {
			return Done{}, err
		}
		return Done{Stage: s.Name, Outcome: Outcome{Tally: m.Tally, Unread: unread}, Skipped: "settings and input are those of the last run"}, nil
	}
	if why == "" {
		why = "asked to"
	}
	log.Info("stage begins", "stage", s.Name, "because", why)
	progress := begin()
	began := time.Now()
	out, err := s.Run(ctx, progress)
	end()
	done := Done{Stage: s.Name, Took: time.Since(began)}
	if out != nil {
		done.Outcome = *out
	}
	if err := keepTime(s.Dir, done); err != nil {
		log.Warn("how long the stage took is not kept", "stage", s.Name, "error", err)
	}
	done.Unread = unread
	if err != nil {
		return stopped(ctx, done, err)
	}
	return done, out.Tally.Check()
}

// stopped is what a stage comes to that ended with err.
func stopped(ctx context.Context, done Done, err error) (Done, error) {
	err = Stopped(ctx, err)
	var stop *StoppedError
	if !errors.As(err, &stop) {
		return Done{}, err
	}
	done.Unfinished = stop.Error()
	if errors.Is(stop, ErrTimeUp) {
		return done, nil
	}
	return done, err
}

// ValidateFor checks, before any work, what only some stages need: the network's
// settings, and the query list. It reads the list if a stage goes by it.
func (o *Options) ValidateFor(stages []Stage) error {
	var faults []error
	for _, s := range stages {
		// Settings fails where a list cannot be had, for all stages in the same way.
		if _, err := s.Settings(); err != nil && !slices.Contains(faults, err) {
			faults = append(faults, err)
		}
		switch s.Name {
		case CrawlName:
			faults = append(faults, o.Crawl.Validate(), o.Gate.Validate())
		case FetchName:
			if !slices.ContainsFunc(stages, func(s Stage) bool { return s.Name == CrawlName }) {
				if o.Gate.Contact != "" || needsNetwork(s.Dir) {
					faults = append(faults, o.Gate.Validate())
				}
			}
		}
	}
	return errors.Join(faults...)
}
