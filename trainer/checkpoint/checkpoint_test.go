package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sample(step int64) Content {
	return Content{
		State:      State{Step: step, Total: 100, Undecodable: []int{3}, LossFirst: []float64{1.25}},
		Weights:    []Tensor{{Name: "b", Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}}, {Name: "a", Data: []float32{float32(step)}}, {Name: "empty", Shape: []int{0, 4}, Data: []float32{}}},
		Moments:    []Tensor{{Name: "b.m", Shape: []int{2}, Data: []float32{7, 8}}},
		Vocabulary: []byte("#version\n"),
	}
}

func save(t *testing.T, folder string, step int64, keep int) {
	t.Helper()
	if err := Save(folder, sample(step), keep); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLatest(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "checkpoints")
	if _, err := Latest(folder); !errors.Is(err, ErrNone) {
		t.Errorf("an absent folder gives %v, want %v", err, ErrNone)
	}
	for _, step := range []int64{1, 2, 30} {
		save(t, folder, step, 2)
	}
	// One that was killed while being written does not count.
	unfinished := filepath.Join(folder, "step-00000031")
	if err := os.Mkdir(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	if c.State.Step != 30 || c.State.LossFirst[0] != 1.25 {
		t.Errorf("the latest is %+v", c.State)
	}
	weights, err := c.Weights()
	if err != nil {
		t.Fatal(err)
	}
	if got := weights["b"]; !reflect.DeepEqual(got, sample(30).Weights[0]) {
		t.Errorf("got %v", got)
	}
	if names := slices.Sorted(maps.Keys(weights)); !slices.Equal(names, []string{"a", "b", "empty"}) {
		t.Errorf("tensors are %v", names)
	}
	if moments, err := c.Moments(); err != nil || moments["b.m"].Data[1] != 8 {
		t.Errorf("moments are %v, %v", moments, err)
	}
	if v, err := c.Vocabulary(); err != nil || string(v) != "#version\n" {
		t.Errorf("vocabulary is %q, %v", v, err)
	}
	save(t, folder, 40, 2)
	kept, err := names(folder, stepName)
	if err != nil || !slices.Equal(kept, []string{"step-00000030", "step-00000040"}) {
		t.Errorf("two are kept of %v, %v", kept, err)
	}
}

// TestSameBytes holds that a checkpoint saved twice has equal files.
func TestSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	save(t, a, 5, 1)
	save(t, b, 5, 1)
	save(t, b, 5, 1)
	for _, name := range []string{WeightsName, momentsName, VocabularyName, stateName} {
		x, err := os.ReadFile(filepath.Join(a, "step-00000005", name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, "step-00000005", name))
		if err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs, %v", name, err)
		}
	}
}

func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		name, file, want string
		damage           func([]byte) []byte
	}{
		{"weights cut short", WeightsName, "bytes, but state.json says", func(b []byte) []byte { return b[:len(b)-1] }},
		{"weights changed", WeightsName, "not what was written", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"moments gone", momentsName, "no such file", func([]byte) []byte { return nil }},
		{"state cut short", stateName, "unexpected end of JSON", func(b []byte) []byte { return b[:20] }},
		{"state of a later format", stateName, "its format is 9", func(b []byte) []byte { return bytes.Replace(b, []byte(`"format": 3`), []byte(`"format": 9`), 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			save(t, folder, 7, 1)
			path := filepath.Join(folder, "step-00000007", tt.file)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if data = tt.damage(data); data == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			c, err := Latest(folder)
			if err == nil {
				_, err = c.Weights()
			}
			if err == nil {
				_, err = c.Moments()
			}
			var damaged *Damaged
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and %s in it", err, tt.want, path)
			}
		})
	}
}

func TestNotFinite(t *testing.T) {
	folder := t.TempDir()
	c := sample(1)
	c.Weights[0].Data[4] = float32(math.NaN())
	if err := Save(folder, c, 1); err != nil {
		t.Fatal(err)
	}
	latest, err := Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := latest.Weights(); err == nil || !strings.Contains(err.Error(), "tensor b holds NaN") {
		t.Errorf("got %v", err)
	}
}

func file(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestDecodeFaults(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "cut short"},
		{"huge header", bytes.Repeat([]byte{0xff}, 16), "header"},
		{"header cut short", file(`{}`)[:9], "cut short"},
		{"not JSON", file(`{x`), "header"},
		{"bytes", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 0, 0), "type U8; F32"},
		{"half floats, data cut short", file(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, 0, 0), "cut short"},
		{"data cut short", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 0, 0, 0, 0), "cut short"},
		{"shape and length differ", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "overlap"},
		{"overlap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "overlap"},
		{"data left over", file(`{}`, 1), "overlap"},
		{"negative", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,-4]}}`), "out of range"},
		{"named twice", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), `it names "a" twice`},
		{"no object", file(`[1]`), "header"},
		{"two objects", file(`{}{}`), "something follows it"},
		{"a gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 0, 0, 0, 0, 0, 0, 0, 0), "leave gaps"},
		{"from before the data", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 0, 0, 0, 0), "overlap"},
		{"ends that overflow", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775807,-9223372036854775805]}}`, 0, 0, 0, 0), "overlap"},
		{"a type of nobody", file(`{"a":{"dtype":"F7","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "type F7, which no safetensors file has"},
		{"metadata that is no text", file(`{"__metadata__":{"a":1}}`), "header"},
		{"product overflows", file(`{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "out of range"},
	} {
		if _, _, err := Decode(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

// TestDecodeTypes reads each type, with the edges of half floats.
func TestDecodeTypes(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, tt := range []struct {
		dtype string
		data  []byte
		want  []float32
	}{
		{"F32", []byte{0, 0, 0xc0, 0x3f}, []float32{1.5}},
		{"F64", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0xbf}, []float32{-1.5}},
		{"BF16", []byte{0xc0, 0x3f, 0x80, 0xff}, []float32{1.5, -inf}},
		// 1.5, the largest, the smallest normal one, the smallest, -0.5, infinity.
		{"F16", []byte{0, 0x3e, 0xff, 0x7b, 0, 4, 1, 0, 0, 0xb8, 0, 0x7c}, []float32{1.5, 65504, 0x1p-14, 0x1p-24, -0.5, inf}},
		{"I64", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 77, 0, 0, 0, 0, 0, 0, 0}, []float32{-1, 77}},
	} {
		header := fmt.Sprintf(`{"a":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, tt.dtype, len(tt.want), len(tt.data))
		got, _, err := Decode(file(header, tt.data...))
		if err != nil || !slices.Equal(got[0].Data, tt.want) {
			t.Errorf("%s: got %v, %v, want %v", tt.dtype, got, err, tt.want)
		}
	}
	header := `{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`
	if got, _, err := Decode(file(header, 1, 0x7c)); err != nil || !math.IsNaN(float64(got[0].Data[0])) {
		t.Errorf("got %v, %v, want NaN", got, err)
	}
}

// FuzzDecode holds that what decodes is encoded to a file that decodes alike.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, sample(3).Weights, map[string]string{"format": "pt"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(file(`{}`))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}   `, 0, 0, 192, 127))
	f.Add(file(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[],"data_offsets":[8,10]}}`, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x3c))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		tensors, metadata, err := Decode(data)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := Encode(&out, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		again, _, err := Decode(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		byName := func(list []Tensor) string {
			slices.SortFunc(list, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
			return fmt.Sprint(list)
		}
		if a, b := byName(tensors), byName(again); a != b {
			t.Errorf("%s comes back as %s", a, b)
		}
	})
}
