package trainer

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/trainer/backend"
)

// Keys of Options that name files. What is in them shapes the result, and not
// how their names are spelled.
const (
	keyData     = "data"
	keyInit     = "init"
	keyLabels   = "labels"
	keyTextInit = "text_init"
)

// keyPrecision is that of Options.Precision, which checkpoints have as it was decided.
const keyPrecision = "precision"

// keySteps stands for Options.Steps, which no configuration sets.
const keySteps = "steps"

// contents stands for what is in the files that options name, by key; "" for a
// key that is not set.
type contents map[string]string

// settings are the options that shape the result, as text that compares: every
// key but those of pace.
func (o Options) settings(batch int, c contents) string {
	o.Batch, o.Accumulate = batch, o.accumulate()
	if o.MicroBatch >= batch {
		o.MicroBatch = 0 // the whole batch, as 0 is
	}
	all := map[string]any{}
	settings.Walk(reflect.ValueOf(o), func(key string, f settings.Field) {
		if f.Pace() {
			return
		}
		all[key] = f.Value.Interface()
		if all[key] == "" { // of Options made in Go
			all[key] = f.Tag.Get("default")
		}
		if text, named := c[key]; named {
			all[key] = text
		}
	})
	if o.Steps > 0 {
		all[keySteps] = o.Steps
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // numbers, texts and lists of them always encode
	}
	return string(text)
}

// readSettings gives each key of a text that settings made its value as text. A
// key that an older checkpoint does not have is at its default.
func readSettings(text string) (map[string]string, error) {
	values := map[string]string{}
	settings.Walk(reflect.ValueOf(Options{}), func(key string, f settings.Field) {
		if !f.Pace() {
			values[key] = f.Tag.Get("default")
		}
	})
	var all map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a seed has more digits than a float64
	if err := decoder.Decode(&all); err != nil {
		return nil, err
	}
	for key, value := range all {
		values[key] = fmt.Sprint(value)
	}
	if values[keyPrecision] == precisionAuto {
		values[keyPrecision] = precisionFP32 // as it was before there was auto
	}
	return values, nil
}

// settingsDifference names the keys in which two texts of settings differ; ""
// when they say the same.
func settingsDifference(before, now string) string {
	a, errA := readSettings(before)
	b, errB := readSettings(now)
	if errA != nil || errB != nil {
		return fmt.Sprintf("they have the settings %s, and now %s is asked for", before, now)
	}
	shown := func(value string) string {
		if value == "" {
			return "not set"
		}
		return value
	}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if a[key] != b[key] {
			parts = append(parts, fmt.Sprintf("%s was %s and is now %s", key, shown(a[key]), shown(b[key])))
		}
	}
	return strings.Join(parts, ", ")
}

// onlyEpochs tells whether a difference is that of the number of epochs alone.
func onlyEpochs(difference string) bool {
	return strings.HasPrefix(difference, "epochs ") && !strings.Contains(difference, ", ")
}

// Fingerprint stands for all that shapes a training on dir with the options: the
// settings, and what is in the shards and in the files that the options name.
func Fingerprint(dir string, o Options) (string, error) {
	choice, err := backend.Choose(o.Device)
	if err != nil {
		choice = backend.Choice{} // of no device: who trains is told
	}
	o.Precision = o.precisionOn(choice, nil)
	r := &run{options: o, dir: dir}
	if err := r.openPairs(); err != nil {
		return "", err
	}
	source := r.source
	defer source.Close()
	c, err := r.contents()
	if err != nil {
		return "", err
	}
	if c[keyInit], err = o.initContent(); err != nil {
		return "", err
	}
	c[keyData] = strings.Join(source.Contents()[len(r.grounds)-len(r.others()):], ", ")
	return settings.Hash(o.settings(min(o.Batch, source.Draws()), c), source.Hash()), nil
}

// contents reads the files that the options name, but for that of init.
func (r *run) contents() (c contents, err error) {
	var others []string
	for _, g := range r.others() {
		others = append(others, fmt.Sprintf("%s=%g", g.name, g.Weight))
	}
	c = contents{keyData: strings.Join(others, ", "), keyInit: "", keyLabels: "", keyTextInit: ""}
	if r.options.Labels != "" {
		if c[keyLabels], err = hashFiles(r.options.Labels); err != nil {
			return nil, fmt.Errorf("train.labels: %w", err)
		}
	}
	c[keyTextInit], err = r.options.textInit()
	return c, err
}

// hashFiles stands for the content of files.
func hashFiles(paths ...string) (string, error) {
	h := xxhash.New()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}
