package trainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/layout"
)

func glob(t *testing.T, elements ...string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// smallDisk mounts a disk of so many MiB in the place of dir/checkpoints.
func smallDisk(t *testing.T, dir string, mib int) (folder string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	folder = filepath.Join(dir, "checkpoints")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Skip("no tmpfs can be mounted: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(folder, 0) })
	return folder
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	f.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// TestFullDisk trains on disks that have no room for all checkpoints, or become full on
// the way: no checkpoint fails, there is always a sound one, what could not be kept is
// said, and the run ends as one that always had room.
func TestFullDisk(t *testing.T) {
	whole := t.TempDir()
	writeShards(t, whole, 70)
	train(t, whole, small())
	for _, tt := range []struct {
		name      string
		mib, keep int
		filled    bool // by another program, after step 7
		kept      []string
		notice    string
	}{
		{"there is room", 64, 2, false, []string{"step-00000020", "step-00000024"}, ""},
		{"for two checkpoints, and three are needed", 8, 2, false, []string{"step-00000020", "step-00000024"}, "the oldest goes where there is no room"},
		{"for one beside the new one", 8, 1, false, []string{"step-00000024"}, ""},
		{"full after the first", 64, 2, true, []string{"step-00000020", "step-00000024"}, ""},
		{"full after the first, and one is kept", 64, 1, true, []string{"step-00000024"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeShards(t, dir, 70)
			folder := smallDisk(t, dir, tt.mib)
			o := small()
			o.Keep = tt.keep
			var notices []string
			r, err := Run(context.Background(), dir, o, func(s Step) {
				if tt.filled && s.Step == 7 {
					fill(t, filepath.Join(folder, "filler"))
				}
				if s.Step > 5 {
					if c, err := checkpoint.Latest(folder); err != nil || len(c.Verify()) > 0 {
						t.Errorf("at step %d the last checkpoint is %v, %v", s.Step, c, err)
					}
				}
				if s.Notice != "" && !strings.Contains(s.Notice, "write") { // of metrics, which have no room either
					notices = append(notices, s.Notice)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.FailedCheckpoints != 0 || !r.Complete {
				t.Errorf("%d checkpoints failed: %+v", r.FailedCheckpoints, r)
			}
			var kept []string
			for _, path := range glob(t, folder, "step-*") {
				kept = append(kept, filepath.Base(path))
			}
			if !slices.Equal(kept, tt.kept) {
				t.Errorf("kept are %v, want %v", kept, tt.kept)
			}
			if got := strings.Join(notices, "; "); (got == "") != (tt.notice == "") || !strings.Contains(got, tt.notice) {
				t.Errorf("notices are %q, want %q", notices, tt.notice)
			}
			if left := append(glob(t, folder, "*", "*writing"), glob(t, folder, "reserved")...); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
			equalRuns(t, whole, dir)
		})
	}
}

// TestTooSmallDisk starts where two checkpoints have no room: nothing is done, and it is
// said how much it takes.
func TestTooSmallDisk(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	folder := smallDisk(t, dir, 4)
	steps := 0
	_, err := Run(context.Background(), dir, small(), func(Step) { steps++ })
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room for") || steps > 0 {
		t.Errorf("after %d steps: %v", steps, err)
	}
	if left := glob(t, folder, "*"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	o := small()
	o.CheckpointEvery = 1000 // one is all that this run has to write
	train(t, dir, o)
}

// TestKilledOnASmallDisk goes on where a run was killed that kept room for its last
// checkpoint, on a disk that has no more.
func TestKilledOnASmallDisk(t *testing.T) {
	whole := t.TempDir()
	writeShards(t, whole, 70)
	train(t, whole, small())
	dir := t.TempDir()
	writeShards(t, dir, 70)
	folder := smallDisk(t, dir, 8)
	o := small()
	o.StopAt = 7
	train(t, dir, o) // leaves the checkpoints of steps 5 and 7
	fill(t, filepath.Join(folder, "reserved"))
	train(t, dir, small())
	equalRuns(t, whole, dir)
}

// TestForgivenCheckpoints makes the places of two checkpoints unusable in the middle of a
// run: it goes on, says so, keeps what there is, and ends like any other.
func TestForgivenCheckpoints(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	whole := t.TempDir()
	writeShards(t, whole, 70)
	train(t, whole, small())
	dir := t.TempDir()
	writeShards(t, dir, 70)
	folder := filepath.Join(dir, "checkpoints")
	var notices []string
	r, err := Run(context.Background(), dir, small(), func(s Step) {
		switch s.Step {
		case 7:
			for _, name := range []string{"step-00000010", "step-00000015"} {
				writeText(t, filepath.Join(folder, name), "a file where a folder should be")
			}
		case 17:
			if c, err := checkpoint.Latest(folder); err != nil || c.State.Step != 5 {
				t.Errorf("the last checkpoint is %v, %v, want that of step 5", c, err)
			}
		}
		if s.Notice != "" {
			notices = append(notices, s.Notice)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.FailedCheckpoints != 2 || !r.Complete {
		t.Errorf("%d checkpoints failed, want those of steps 10 and 15: %+v", r.FailedCheckpoints, r)
	}
	if i := slices.IndexFunc(notices, func(n string) bool {
		return strings.Contains(n, "training goes on without a checkpoint at step 10")
	}); i < 0 {
		t.Errorf("notices are %q", notices)
	}
	equalRuns(t, whole, dir)
}

// TestLastCheckpointMustBeWritten makes the folder unusable near the end.
func TestLastCheckpointMustBeWritten(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	o := small()
	o.CheckpointEvery = 1000
	r, err := Run(context.Background(), dir, o, func(s Step) {
		if s.Step == s.Total-1 {
			// A file stands where the folder of the checkpoint should be.
			if err := os.WriteFile(filepath.Join(dir, "checkpoints", "step-00000024"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), "step-00000024") {
		t.Errorf("got %v and %+v", err, r)
	}
}

// TestRefusedCheckpoints starts on checkpoints that must not be gone on from.
func TestRefusedCheckpoints(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	made := t.TempDir()
	writeShards(t, made, 40)
	o := small()
	o.Epochs, o.Keep = 3, 1
	train(t, made, o)
	other := t.TempDir()
	writeShards(t, other, 40)
	wide := o
	wide.Model = "rn-nano"
	train(t, other, wide)

	rewrite := func(folder, name string, change func([]checkpoint.Tensor) []checkpoint.Tensor) {
		path := glob(t, folder, "checkpoints", "step-*", name)[0]
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list, meta, err := checkpoint.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := checkpoint.Encode(&b, change(list), meta); err != nil {
			t.Fatal(err)
		}
		c, err := checkpoint.Latest(filepath.Join(folder, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		// The file is whole by its hash: the fault is in what was saved.
		c.State.Files[name] = checkpoint.File{Bytes: int64(b.Len()), XXH64: hashOf(b.Bytes())}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		writeState(t, c)
	}
	restate := func(change func(s *checkpoint.State)) func(dir string) {
		return func(dir string) {
			c, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
			if err != nil {
				t.Fatal(err)
			}
			change(&c.State)
			writeState(t, c)
		}
	}
	for _, tt := range []struct {
		name   string
		damage func(dir string)
		want   []string
	}{
		{"another model", func(dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "checkpoints")); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Join(dir, "checkpoints"), os.DirFS(filepath.Join(other, "checkpoints"))); err != nil {
				t.Fatal(err)
			}
		}, []string{"made otherwise", "model was rn-nano and is now vit-nano", "move or delete the folder"}},
		{"cut short", func(dir string) {
			if err := os.Truncate(glob(t, dir, "checkpoints", "step-*", "model.safetensors")[0], 5000); err != nil {
				t.Fatal(err)
			}
		}, []string{"model.safetensors", "it has 5000 bytes", "delete the folder"}},
		{"NaN", func(dir string) {
			rewrite(dir, "model.safetensors", func(list []checkpoint.Tensor) []checkpoint.Tensor {
				list[3].Data[0] = float32(math.NaN())
				return list
			})
		}, []string{"model.safetensors", "holds NaN", "delete the folder"}},
		{"a state with another step", func(dir string) {
			path := glob(t, dir, "checkpoints", "step-*", "state.json")[0]
			writeText(t, path, strings.Replace(readText(t, path), `"step": 6`, `"step": -5`, 1))
		}, []string{"state.json: its checksum is", "delete the folder"}},
		{"a whole state with a step of no run", restate(func(s *checkpoint.State) { s.Step = -5 }),
			[]string{"state.json: step is -5, which must be from 0 to 6", "delete the folder"}},
		{"of a run that never ends", restate(func(s *checkpoint.State) { s.Total, s.Segments[0].Total = 1e9, 1e9 }),
			[]string{"state.json: it says 1000000000 steps, and 3 epochs of 40 pairs have 6"}},
		{"of other pairs", restate(func(s *checkpoint.State) { s.Undecodable = []int{40} }),
			[]string{"state.json: it names row 40, and there are 40"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			tt.damage(dir)
			_, err := Run(context.Background(), dir, o, nil)
			var damaged *checkpoint.Damaged
			if tt.name != "another model" && !errors.As(err, &damaged) {
				t.Errorf("got %v, want damage", err)
			}
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// writeState writes the state of a checkpoint, its checksum with it.
func writeState(t *testing.T, c *checkpoint.Checkpoint) {
	t.Helper()
	text, err := c.State.Encode()
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(c.Path, "state.json"), string(text))
}

func copyFile(t *testing.T, path, folder string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, filepath.Base(path)), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestInit starts from the weights of another run, and from files that do not fit.
func TestInit(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	made := t.TempDir()
	writeShards(t, made, 40)
	o := small()
	o.Epochs = 20
	first := train(t, made, o)
	weights := filepath.Join(first.Checkpoint, "model.safetensors")

	dir := t.TempDir()
	writeShards(t, dir, 40)
	o = small()
	o.Init, o.LearningRate = weights, 1e-5
	if r := train(t, dir, o); r.LossFirst > 0.5*r.LossChance {
		t.Errorf("from trained weights the loss begins at %g; guessing gives %g", r.LossFirst, r.LossChance)
	}
	list := func(change func([]checkpoint.Tensor) []checkpoint.Tensor) string {
		data, err := os.ReadFile(weights)
		if err != nil {
			t.Fatal(err)
		}
		tensors, _, err := checkpoint.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "weights.safetensors")
		var b bytes.Buffer
		if err := errors.Join(checkpoint.Encode(&b, change(tensors), nil), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		copyFile(t, filepath.Join(first.Checkpoint, checkpoint.VocabularyName), filepath.Dir(path))
		return path
	}
	named := func(tensors []checkpoint.Tensor, name string) int {
		return slices.IndexFunc(tensors, func(x checkpoint.Tensor) bool { return x.Name == name })
	}
	short := filepath.Join(t.TempDir(), "short.safetensors")
	if err := os.WriteFile(short, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	pickle := filepath.Join(t.TempDir(), "open_clip_pytorch_model.bin")
	writeText(t, pickle, "PK\x03\x04archive/data.pkl")
	lfs := filepath.Join(t.TempDir(), "model.safetensors")
	writeText(t, lfs, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 605247071\n")
	unknown := list(func(x []checkpoint.Tensor) []checkpoint.Tensor { return x })
	quick := list(func(x []checkpoint.Tensor) []checkpoint.Tensor { return x })
	config, err := os.ReadFile(filepath.Join(first.Checkpoint, layout.ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(filepath.Dir(quick), layout.ConfigName), strings.Replace(string(config), `"quick_gelu": false`, `"quick_gelu": true`, 1))
	for _, tt := range []struct{ name, path, want string }{
		{"no file", filepath.Join(dir, "absent"), "no such file"},
		{"a pickle", pickle, "it is no safetensors file but a pickle of PyTorch's"},
		{"a pointer of git-lfs", lfs, "fetch it there with: git lfs pull"},
		{"a folder without weights", t.TempDir(), "the folder has no weights"},
		{"a folder with a pickle", filepath.Dir(pickle), "a pickle of PyTorch's"},
		{"weights that need QuickGELU by their configuration", quick, "their activation is quick_gelu, says "},
		{"cut short", short, "cut short"},
		{"a tensor is missing", list(func(x []checkpoint.Tensor) []checkpoint.Tensor {
			i := named(x, "visual.proj")
			return slices.Delete(x, i, i+1)
		}), "1 missing: visual.proj"},
		{"another vocabulary", list(func(x []checkpoint.Tensor) []checkpoint.Tensor {
			i := named(x, "token_embedding.weight")
			x[i].Shape, x[i].Data = []int{3, 64}, x[i].Data[:3*64]
			return x
		}), "the weights have rows for 3 tokens"},
		{"NaN", list(func(x []checkpoint.Tensor) []checkpoint.Tensor {
			x[0].Data[0] = float32(math.NaN())
			return x
		}), "holds NaN"},
	} {
		o.Init = tt.path
		o.Replace, o.Activation = true, activationGELU
		if _, err := Run(context.Background(), dir, o, nil); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: got %v, want %q and the path in it", tt.name, err, tt.want)
		}
	}
	o.Init, o.Activation = unknown, activationPreset
	if _, err := Run(context.Background(), dir, o, nil); err == nil || !strings.Contains(err.Error(), "by their tensors it is vit-nano or vit-nano-quickgelu") || !strings.Contains(err.Error(), "train.activation") {
		t.Errorf("where nothing tells the activation: got %v", err)
	}
	// A file with SigLIP's bias is good for the loss clip, and the other way round.
	o.Init, o.Loss = weights, lossSigLIP
	r := train(t, dir, o)
	o.Init, o.Loss = filepath.Join(r.Checkpoint, "model.safetensors"), lossCLIP
	other := t.TempDir()
	writeShards(t, other, 40)
	train(t, other, o)
	// So is one with the counters of OpenAI's files, for a model with QuickGELU.
	o.Activation = "quick_gelu"
	o.Init = list(func(x []checkpoint.Tensor) []checkpoint.Tensor {
		return append(x, checkpoint.Tensor{Name: "input_resolution", Data: []float32{32}})
	})
	o.Replace = true
	if r := train(t, other, o); r.Resumed != 0 {
		t.Errorf("it gives %+v", r)
	}
}
