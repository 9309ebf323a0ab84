package trainer

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// weightsFolder makes a file of weights and all that may lie beside one, and
// returns its path. Nothing of it can be read as what it is called.
func weightsFolder(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"model.safetensors", "vocab.json", "merges.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "model.safetensors")
}

func fingerprint(t *testing.T, dir string, o Options) string {
	t.Helper()
	text, err := Fingerprint(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFingerprintNamesEveryField changes each field of Options in turn: what is
// trained is another run's then, unless the field says that it is of pace.
func TestFingerprintNamesEveryField(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	writeShards(t, dir, 20)
	writeShards(t, other, 21)
	file := weightsFolder(t, "")
	o := small()
	base := fingerprint(t, dir, o)
	for i := range reflect.TypeFor[Options]().NumField() {
		field := reflect.TypeFor[Options]().Field(i)
		t.Run(field.Name, func(t *testing.T) {
			changed := o
			switch v := reflect.ValueOf(&changed).Elem().Field(i); v.Kind() {
			case reflect.Bool:
				v.SetBool(!v.Bool())
			case reflect.Int, reflect.Int64:
				v.SetInt(v.Int() + 2)
			case reflect.Float64:
				v.SetFloat(v.Float() + 0.001)
			case reflect.String:
				v.SetString(file)
			case reflect.Slice:
				v.Set(reflect.ValueOf([]string{other}))
			default:
				t.Fatalf("a field of kind %s; say here how it changes", v.Kind())
			}
			pace := field.Tag.Get("pace") == "true"
			if got := fingerprint(t, dir, changed); (got == base) != pace {
				t.Errorf("the fingerprint changes: %t; the field is of pace: %t", got != base, pace)
			}
		})
	}
}

// TestFingerprintIsOfContent names the same files by other names, and other files
// by the same name.
func TestFingerprintIsOfContent(t *testing.T) {
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "cats")
	writeShards(t, dir, 20)
	writeShards(t, data, 21)
	file := weightsFolder(t, "")
	for _, tt := range []struct {
		key  string
		name string
		with func(o *Options, name string)
		// change puts something else there.
		change func(t *testing.T)
	}{
		{"init", file, func(o *Options, name string) { o.Init = name }, func(t *testing.T) { writeText(t, file, "changed") }},
		{"the vocabulary of init", file, func(o *Options, name string) { o.Init = name }, func(t *testing.T) {
			writeText(t, filepath.Join(filepath.Dir(file), "vocabulary.txt"), "changed")
		}},
		{"labels", file, func(o *Options, name string) { o.Labels = name }, func(t *testing.T) { writeText(t, file, "labels") }},
		{"text_init", file, func(o *Options, name string) { o.TextInit = name }, func(t *testing.T) {
			writeText(t, filepath.Join(filepath.Dir(file), "merges.txt"), "changed")
		}},
		{"data", data, func(o *Options, name string) { o.Data = []string{name} }, func(t *testing.T) { writeShards(t, data, 22) }},
	} {
		t.Run(tt.key, func(t *testing.T) {
			of := func(name string) string {
				o := small()
				tt.with(&o, name)
				return fingerprint(t, dir, o)
			}
			t.Chdir(filepath.Dir(tt.name))
			absolute := of(tt.name)
			if relative := of(filepath.Base(tt.name)); relative != absolute {
				t.Error("another spelling of the name makes another run")
			}
			tt.change(t)
			if of(tt.name) == absolute {
				t.Error("other content does not make another run")
			}
		})
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSettings compares the settings that checkpoints hold.
func TestSettings(t *testing.T) {
	// old is of a time when these were all keys, and crop_scale was a share of the side.
	const old = `{"batch":16,"beta1":0.9,"beta2":0.98,"crop_scale":0.9,"epochs":6,"eps":0.000001,"grad_clip":1,"lr":0.002,"model":"vit-nano","seed":3,"vocabulary":600,"warmup":4,"weight_decay":0.1}`
	first := strings.Replace(old, `"crop_scale":0.9`, `"crop_scale":0`, 1)
	now := func(change func(o *Options)) string {
		o := small()
		change(&o)
		return o.settings(16, contents{keyData: ""})
	}
	for _, tt := range []struct {
		name, before, want string
		change             func(o *Options)
	}{
		{"keys that came later are at their defaults", first, "", func(*Options) {}},
		{"defaults by name", now(func(*Options) {}), "", func(o *Options) {
			o.Loss, o.Accumulate, o.MicroBatch, o.Precision, o.Objective = lossCLIP, 1, 16, "fp32", "contrastive"
		}},
		{"a crop of the old meaning", old, "crop_aspect was 0 and is now 0.75", func(o *Options) { o.CropScale, o.CropAspect = 0.9, 0.75 }},
		{"the crop of before by default", old, "crop_scale was 0.9 and is now 0", func(*Options) {}},
		{"pace", first, "", func(o *Options) { o.Threads, o.CheckpointEvery = 7, 9 }},
		{"one key", first, "ema was 0 and is now 0.5", func(o *Options) { o.EMA = 0.5 }},
		{"several", first, "seed was 3 and is now 4, vocabulary was 600 and is now public", func(o *Options) { o.Seed, o.Vocabulary = 4, publicVocabulary }},
		{"seeds that no float64 tells apart", now(func(o *Options) { o.Seed = 1<<60 + 1 }), "seed was 1152921504606846977 and is now 1152921504606846976", func(o *Options) { o.Seed = 1 << 60 }},
		{"steps", first, "steps was not set and is now 9", func(o *Options) { o.Steps = 9 }},
		{"damaged", "{", "they have the settings {, and now ", func(*Options) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := settingsDifference(tt.before, now(tt.change))
			if tt.name == "damaged" {
				got = got[:len(tt.want)]
			}
			if got != tt.want {
				t.Errorf("the difference is %q, want %q", got, tt.want)
			}
		})
	}
}
