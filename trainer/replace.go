package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// leftovers are what a run leaves beside its checkpoints, and goes with them. The
// manifest, by which a stage says that it is done, is the first to go.
var leftovers = []string{shard.ManifestName, metricsName, prometheusName, eventsFolder}

// findCheckpoint looks for work to go on from, and makes the state that of the
// checkpoint or of a new run.
func (r *run) findCheckpoint() error {
	if err := checkpoint.Settle(r.home, leftovers...); err != nil {
		return err
	}
	c, err := r.contents()
	if err != nil {
		return err
	}
	o := r.options
	r.options.Precision = o.precisionOn(r.choice, nil)
	found, err := checkpoint.Latest(r.home)
	var damaged *checkpoint.Damaged
	switch {
	case errors.Is(err, checkpoint.ErrNone), errors.As(err, &damaged) && r.options.Replace:
	case err != nil:
		return err
	default:
		r.options.Precision = o.precisionOn(r.choice, found)
		if c[keyInit], err = r.initContentSince(found); err != nil {
			return err
		}
		difference := r.difference(found, c)
		if difference == "" {
			r.found, r.state, r.resumed = found, found.State, found.State.Step
			return nil
		}
		if !r.options.Replace {
			if err := r.checkLabels(); err != nil {
				return err
			}
			return fmt.Errorf("resume from %s: %w: %s", found.Path, ErrForeign, difference+r.advice(found, difference))
		}
	}
	r.options.Precision = o.precisionOn(r.choice, nil)
	if c[keyInit], err = r.options.initContent(); err != nil {
		return err
	}
	r.state.Settings = r.options.settings(r.options.Batch, c)
	return nil
}

// difference says in what the run of a checkpoint is another than this one; "" for
// nothing. Pairs that changed are a difference only to a run that is to replace others
// or has its number of steps given; pairs that are not known, only to the first.
func (r *run) difference(found *checkpoint.Checkpoint, c contents) string {
	before := found.State
	segments := r.segmentsOf(&before)
	last, size := &segments[len(segments)-1], r.options.Batch
	if len(before.Segments) == 0 {
		size = min(size, last.Batch) // format 1 has the batch that came out
	}
	corresponds := r.corresponds(last)
	if values, err := readSettings(before.Settings); corresponds && err == nil {
		c[keyData] = values[keyData]
	}
	shape := before.Model
	shape.Classes = r.state.Model.Classes // as many as the file of labels has lines
	switch difference := settingsDifference(before.Settings, r.options.settings(size, c)); {
	case difference != "":
		return difference
	case !corresponds:
		var names []string
		for i, t := range last.Data {
			if i == 0 && (t.Folder == ownName || t.Folder == "") {
				continue
			}
			names = append(names, fmt.Sprintf("%s=%g", t.Folder, t.Weight))
		}
		return fmt.Sprintf("data was %s and is now %s", cmp.Or(strings.Join(names, ", "), "this folder's"), cmp.Or(c[keyData], "this folder's"))
	case shape != r.state.Model:
		return fmt.Sprintf("the preset %s has changed since", r.state.Model.Name)
	case (r.options.Replace || r.options.Steps > 0) && !(corresponds && r.unchanged(last)):
		return "the shards have changed since"
	case r.options.Replace && !found.TellsSeen():
		return "what they were trained on is not known"
	}
	return ""
}

// advice says how to train all the same.
func (r *run) advice(found *checkpoint.Checkpoint, difference string) string {
	if onlyEpochs(difference) {
		return fmt.Sprintf(", which changes the learning rate of every step; to train longer, set train.init to %s and replace this run, whose weights are read before it goes",
			r.relative(filepath.Join(found.Path, checkpoint.WeightsName)))
	}
	return fmt.Sprintf("; move or delete the folder %s to start anew", r.home)
}

// relative is the name of a file as the configuration of the dataset may have it,
// however the dataset's folder is spelled; "" for "".
func (r *run) relative(path string) string {
	if path == "" {
		return ""
	}
	dir, err := filepath.Abs(r.dir)
	if err != nil {
		return path
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if name, err := filepath.Rel(dir, file); err == nil {
		return name
	}
	return file
}

// begin finds the place of a new run, when nothing is left that could refuse it:
// beside a run that it is to replace.
// The list of what the segment is trained on is there before its first step.
func (r *run) begin() (err error) {
	r.folder = r.home
	if r.found == nil {
		if r.folder, err = checkpoint.Begin(r.home, leftovers...); err != nil {
			return err
		}
	}
	if r.state.Step == r.state.Total {
		return nil
	}
	if err := r.checkRoom(); err != nil {
		return err
	}
	return r.writeSeen()
}

// arrive puts a run that has a checkpoint in the place of the one that it
// replaces.
func (r *run) arrive() error {
	if r.folder == r.home {
		return nil
	}
	if err := checkpoint.Settle(r.home, leftovers...); err != nil {
		return err
	}
	r.path = strings.Replace(r.path, r.folder, r.home, 1)
	r.folder = r.home
	r.metrics.prometheus = filepath.Join(r.home, prometheusName)
	return nil
}
