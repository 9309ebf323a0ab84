package pipeline

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pairloom/pairloom/internal/readers"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
)

// sample is a picture that people have, with its caption.
type sample struct {
	key, caption string
	jpeg         []byte
}

// samplesOf makes n of them; each caption names the colours of its picture.
func samplesOf(t testing.TB, n int) []sample {
	t.Helper()
	var list []sample
	for i := range n {
		m := image.NewRGBA(image.Rect(0, 0, 40, 36))
		for at := range 40 * 36 {
			m.Set(at%40, at/40, color.RGBA{uint8(i * 37), uint8(i % 3 * 100), uint8(at / (20 + i)), 255})
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		list = append(list, sample{fmt.Sprintf("%05d", i), fmt.Sprintf("a colour %d beside %d", i*37%256, i%3), b.Bytes()})
	}
	return list
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// member is one of a tar's.
type member struct {
	name, content string
	kind          byte
}

// tarOf is a tar of the members.
func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.kind, Mode: 0o644, Size: int64(len(m.content))}
		if m.kind == 0 {
			h.Typeflag = tar.TypeReg
		} else {
			h.Linkname, h.Size = m.content, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(m.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// members are those of samples, as webdataset writes them.
func members(list []sample) (all []member) {
	for _, s := range list {
		all = append(all, member{name: s.key + ".jpg", content: string(s.jpeg)}, member{name: s.key + ".txt", content: s.caption})
	}
	return all
}

// recordOf has the columns image, a struct of bytes and path, and caption; a sample
// without a picture has a null there.
func recordOf(list []sample) arrow.Record {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "image", Type: arrow.StructOf(arrow.Field{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true}, arrow.Field{Name: "path", Type: arrow.BinaryTypes.String, Nullable: true}), Nullable: true},
		{Name: "caption", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer b.Release()
	picture := b.Field(0).(*array.StructBuilder)
	for _, s := range list {
		if s.jpeg == nil {
			picture.AppendNull()
		} else {
			picture.Append(true)
			picture.FieldBuilder(0).(*array.BinaryBuilder).Append(s.jpeg)
			picture.FieldBuilder(1).(*array.StringBuilder).Append(s.key + ".jpg")
		}
		b.Field(1).(*array.StringBuilder).Append(s.caption)
	}
	return b.NewRecord()
}

// packed are properties of a Parquet file whose pictures do not lie in it as they are.
var packed = []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDictionaryDefault(true)}

// parquetOf writes as datasets does, which packs no pictures, but for the options.
func parquetOf(t testing.TB, list []sample, options ...parquet.WriterProperty) []byte {
	t.Helper()
	r := recordOf(list)
	defer r.Release()
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(r.Schema(), &b, parquet.NewWriterProperties(append([]parquet.WriterProperty{parquet.WithMaxRowGroupLength(17), parquet.WithDataPageSize(2000), parquet.WithDictionaryDefault(false)}, options...)...), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(r)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tableOf is a Parquet file with a row of texts in columns of these names.
func tableOf(t testing.TB, columns ...string) []byte {
	t.Helper()
	var fields []arrow.Field
	for _, name := range columns {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
	}
	schema := arrow.NewSchema(fields, nil)
	row := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer row.Release()
	for i := range columns {
		row.Field(i).(*array.StringBuilder).Append("x")
	}
	r := row.NewRecord()
	defer r.Release()
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, nil, pqarrow.DefaultWriterProps())
	if err := errors.Join(err, w.Write(r), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func arrowOf(t testing.TB, list []sample) []byte {
	t.Helper()
	r := recordOf(list)
	defer r.Release()
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(r.Schema()))
	if err := errors.Join(w.Write(r), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sourceKinds write samples below a folder, each in a way in which people have them, and
// return the entry of train.data.
var sourceKinds = map[string]func(t testing.TB, folder string, list []sample) string{
	"tars": func(t testing.TB, folder string, list []sample) string {
		for i := 0; i*16 < len(list); i++ {
			writeFile(t, filepath.Join(folder, fmt.Sprintf("%02d.tar", i)), tarOf(t, members(list[i*16:min(len(list), i*16+16)])...))
		}
		return filepath.Join(folder, fmt.Sprintf("{00..%02d}.tar", (len(list)-1)/16))
	},
	"parquet": func(t testing.TB, folder string, list []sample) string {
		half := len(list) / 2
		writeFile(t, filepath.Join(folder, "0.parquet"), parquetOf(t, list[:half]))
		writeFile(t, filepath.Join(folder, "1.parquet"), parquetOf(t, list[half:]))
		return filepath.Join(folder, "*.parquet")
	},
	"packed parquet": func(t testing.TB, folder string, list []sample) string {
		writeFile(t, filepath.Join(folder, "pairs.parquet"), parquetOf(t, list, packed...))
		return filepath.Join(folder, "pairs.parquet")
	},
	"arrow": func(t testing.TB, folder string, list []sample) string {
		writeFile(t, filepath.Join(folder, "data.arrow"), arrowOf(t, list))
		return filepath.Join(folder, "data.arrow")
	},
	"folder": func(t testing.TB, folder string, list []sample) string {
		for _, s := range list {
			writeFile(t, filepath.Join(folder, s.key+".jpg"), s.jpeg)
			writeFile(t, filepath.Join(folder, s.key+".txt"), []byte(s.caption))
		}
		return folder
	},
	"imagefolder": func(t testing.TB, folder string, list []sample) string {
		var table bytes.Buffer
		for _, s := range list {
			writeFile(t, filepath.Join(folder, "train", s.key+".jpg"), s.jpeg)
			line, _ := json.Marshal(map[string]string{"file_name": s.key + ".jpg", "text": s.caption})
			fmt.Fprintf(&table, "%s\n", line)
		}
		writeFile(t, filepath.Join(folder, "train", "metadata.jsonl"), table.Bytes())
		return folder
	},
}

// shardsOfSamples makes the samples the shards of a dataset's folder.
func shardsOfSamples(t testing.TB, dir string, list []sample) {
	t.Helper()
	folder := filepath.Join(dir, shard.ShardsFolder)
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	m := &shard.Manifest{Stage: ShardName, Tally: shard.NewTally(ShardName, "pairs", "pairs")}
	for i, s := range list {
		m.Tally.Keep()
		if err := w.Write(&shard.Pair{PairID: uint64(i), Text: s.caption, Image: s.jpeg}); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	m.Parts = []shard.Part{part}
	if err == nil {
		err = shard.WriteManifest(folder, m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// onData is a training of 12 steps on an entry of train.data; "" is the folder's shards.
func onData(dir, entry string) Train {
	o := trainer.Options{
		Model: "vit-nano", Epochs: 2, Batch: 8, LearningRate: 1e-3, Warmup: 2, WeightDecay: 0.1, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6,
		GradClip: 1, Vocabulary: "600", Seed: 3, CheckpointEvery: 2, Keep: 9, LogEvery: 1, Threads: 1, Workers: 2, CacheMB: 1,
	}
	if entry != "" {
		o.Data = []string{entry}
	}
	return Train{Dir: dir, Options: o, Seed: 1, Workers: 2}
}

func runTrain(t *testing.T, train Train) *trainer.Result {
	t.Helper()
	out, err := train.Run(context.Background(), func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return out.Result.(*trainer.Result)
}

// trained are the weights of the last checkpoint, and the loss of each step.
func trained(t *testing.T, dir string) string {
	t.Helper()
	weights, err := filepath.Glob(filepath.Join(dir, shard.CheckpointsFolder, "step-*", "model.safetensors"))
	if err != nil || len(weights) == 0 {
		t.Fatalf("no weights in %s: %v", dir, err)
	}
	data, err := os.ReadFile(weights[len(weights)-1])
	if err != nil {
		t.Fatal(err)
	}
	all := filepath.Base(filepath.Dir(weights[len(weights)-1])) + string(data)
	lines, err := os.ReadFile(filepath.Join(dir, shard.CheckpointsFolder, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		var step struct {
			Step int
			Loss float64
		}
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintln(step)
	}
	return all
}

// onShards is what a training on the shards of fifty samples ends with; see [fifty].
var onShards string

// fifty are samples, and what a training on the shards of them ends with.
func fifty(t *testing.T) (list []sample, ends string) {
	t.Helper()
	list = samplesOf(t, 50)
	if onShards == "" {
		dir := t.TempDir()
		shardsOfSamples(t, dir, list)
		runTrain(t, onData(dir, ""))
		onShards = trained(t, dir)
	}
	return list, onShards
}

// TestEverySourceTrainsAlike trains on the same pairs from each kind of source, with
// nothing but the source: weights and losses are those of shards, to the bit.
func TestEverySourceTrainsAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	list, want := fifty(t)
	for kind, write := range sourceKinds {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			r := runTrain(t, onData(dir, write(t, t.TempDir(), list)))
			if trained(t, dir) != want {
				t.Error("the training is another than that on shards")
			}
			if len(r.Sources) != 1 || r.Sources[0].Training != 50 || len(r.Sources[0].LeftOut) > 0 {
				t.Errorf("sources %+v", r.Sources)
			}
		})
	}
}

// TestSourcesOfOthers trains on what webdataset and datasets themselves write.
func TestSourcesOfOthers(t *testing.T) {
	folder := t.TempDir()
	list, want := fifty(t)
	sourceKinds["folder"](t, filepath.Join(folder, "pictures"), list)
	readers.Script(t, folder, `
import glob, os, datasets, webdataset
pairs = [(os.path.basename(p)[:-4], open(p, "rb").read(), open(p[:-3] + "txt").read()) for p in sorted(glob.glob("pictures/*.jpg"))]
os.mkdir("tars")
with webdataset.ShardWriter("tars/%05d.tar", maxcount=20, verbose=0) as w:
    for key, jpg, txt in pairs:
        w.write({"__key__": key, "jpg": jpg, "txt": txt})
features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
d = datasets.Dataset.from_dict({"image": [{"bytes": j, "path": k + ".jpg"} for k, j, t in pairs], "caption": [t for k, j, t in pairs]}, features=features)
d.to_parquet("pairs.parquet", batch_size=17)
d.save_to_disk("saved")
`)
	for _, entry := range []string{"tars/{00000..00002}.tar", "tars", "pairs.parquet", "saved", "pictures"} {
		t.Run(entry, func(t *testing.T) {
			dir := t.TempDir()
			if runTrain(t, onData(dir, filepath.Join(folder, entry))); trained(t, dir) != want {
				t.Error("the training is another than that on shards")
			}
		})
	}
}

// Variables of the test binary as the victim of a kill, which trains.
const (
	trainIn = "PAIRLOOM_PIPELINE_TRAIN_IN"
	trainOn = "PAIRLOOM_PIPELINE_TRAIN_ON"
)

// trainInChild is the victim.
func trainInChild() {
	train := onData(os.Getenv(trainIn), os.Getenv(trainOn))
	train.Step = func(s trainer.Step) { fmt.Println("step", s.Step) }
	if _, err := train.Run(context.Background(), func(int64, int64) {}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestKilledOnEverySource kills a training after several steps, again and again, until one
// survives: it ends as one that was left alone.
func TestKilledOnEverySource(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	list, want := fifty(t)
	for _, kind := range []string{"tars", "parquet", "packed parquet", "folder"} {
		t.Run(kind, func(t *testing.T) {
			entry, dir := sourceKinds[kind](t, t.TempDir(), list), t.TempDir()
			kills := 0
			for ; !killTraining(t, dir, entry, 3+kills%2); kills++ {
				if kills > 10 {
					t.Fatal("no run comes to an end")
				}
			}
			if kills < 2 {
				t.Errorf("only %d kills", kills)
			}
			if trained(t, dir) != want {
				t.Errorf("after %d kills the training ends otherwise", kills)
			}
		})
	}
}

// killTraining trains in a process that it kills after so many steps, and tells whether
// it came to its end before.
func killTraining(t *testing.T, dir, entry string, steps int) bool {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), trainIn+"="+dir, trainOn+"="+entry)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buffer, lines := make([]byte, 1), 0
	for lines < steps {
		if _, err := out.Read(buffer); err != nil {
			break
		}
		if buffer[0] == '\n' {
			lines++
		}
	}
	if lines == steps {
		child.Process.Kill()
	}
	return child.Wait() == nil
}
