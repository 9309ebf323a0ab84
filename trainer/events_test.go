package trainer

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// record is what a test needs of an event.
type record struct {
	step    int64
	version string
	start   bool
	scalars map[string]float32
}

// fieldsOf splits a protocol buffer into its fields.
func fieldsOf(t *testing.T, m []byte, visit func(field uint64, number uint64, data []byte)) {
	t.Helper()
	for len(m) > 0 {
		key, n := binary.Uvarint(m)
		m = m[n:]
		switch key & 7 {
		case wireVarint:
			v, n := binary.Uvarint(m)
			visit(key>>3, v, nil)
			m = m[n:]
		case wireFixed64:
			visit(key>>3, binary.LittleEndian.Uint64(m), nil)
			m = m[8:]
		case wireFixed32:
			visit(key>>3, uint64(binary.LittleEndian.Uint32(m)), nil)
			m = m[4:]
		case wireBytes:
			length, n := binary.Uvarint(m)
			visit(key>>3, 0, m[n:n+int(length)])
			m = m[n+int(length):]
		default:
			t.Fatalf("wire type %d", key&7)
		}
	}
}

// readEvents checks every frame of an event file and decodes it.
func readEvents(t *testing.T, path string) []record {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []record
	for len(data) > 0 {
		length := binary.LittleEndian.Uint64(data)
		if got := binary.LittleEndian.Uint32(data[8:]); got != masked(data[:8]) {
			t.Fatalf("%s: checksum of a length is %x, want %x", path, got, masked(data[:8]))
		}
		m := data[12 : 12+length]
		if got := binary.LittleEndian.Uint32(data[12+length:]); got != masked(m) {
			t.Fatalf("%s: checksum of an event is %x, want %x", path, got, masked(m))
		}
		data = data[16+length:]
		r := record{scalars: map[string]float32{}}
		fieldsOf(t, m, func(field, number uint64, data []byte) {
			switch field {
			case eventWallTime:
				if at := math.Float64frombits(number); at < 1.5e9 {
					t.Errorf("an event is of the time %g", at)
				}
			case eventStep:
				r.step = int64(number)
			case eventVersion:
				r.version = string(data)
			case eventSession:
				fieldsOf(t, data, func(field, number uint64, _ []byte) { r.start = field == sessionStatus && number == sessionStart })
			case eventSummary:
				fieldsOf(t, data, func(_, _ uint64, value []byte) {
					tag := ""
					fieldsOf(t, value, func(field, number uint64, data []byte) {
						if field == valueTag {
							tag = string(data)
						} else {
							r.scalars[tag] = math.Float32frombits(uint32(number))
						}
					})
				})
			}
		})
		list = append(list, r)
	}
	return list
}

// TestMasked holds the checksum against a published vector: CRC-32C of
// "123456789" is e3069283 (RFC 3720, appendix B.4, has others).
func TestMasked(t *testing.T) {
	crc := uint32(0xe3069283)
	if got, want := masked([]byte("123456789")), crc>>15|crc<<17; got-want != 0xa282ead8 {
		t.Errorf("got %x", got)
	}
}

// TestEventFilesAreNotOverwritten opens the next event file where files of earlier
// runs are there, some of which were deleted.
func TestEventFilesAreNotOverwritten(t *testing.T) {
	const form = "events.out.tfevents.%010d.pairloom"
	for _, tt := range []struct {
		there []int
		want  int
	}{{nil, 1}, {[]int{1, 2}, 3}, {[]int{2}, 3}, {[]int{3, 5}, 6}, {[]int{9, 10}, 11}} {
		folder := t.TempDir()
		writeText(t, filepath.Join(folder, "events.out.tfevents.99.another"), "of a program beside")
		for _, n := range tt.there {
			writeText(t, filepath.Join(folder, fmt.Sprintf(form, n)), "of an earlier run")
		}
		e, err := openEvents(folder, 1)
		if err != nil {
			t.Fatal(err)
		}
		e.close()
		if got, want := filepath.Base(e.file.Name()), fmt.Sprintf(form, tt.want); got != want {
			t.Errorf("beside %v it is %s, want %s", tt.there, got, want)
		}
		for _, n := range tt.there {
			if text, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf(form, n))); err != nil || string(text) != "of an earlier run" {
				t.Errorf("file %d of %v holds %q, %v", n, tt.there, text, err)
			}
		}
	}
}

// TestEventsSurviveResume ends a run after a checkpoint and some more steps, and
// expects a second file that takes back what the first says of those.
func TestEventsSurviveResume(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	o := small()
	o.CheckpointEvery = 1000
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := Run(ctx, dir, o, func(s Step) {
		if s.Step == 7 {
			cancel()
		}
	}); err == nil {
		t.Fatal("the run was not cancelled")
	}
	r := train(t, dir, o)
	files := glob(t, dir, "checkpoints", eventsFolder, "events.out.tfevents.*")
	if len(files) != 2 {
		t.Fatalf("event files are %v, want two", files)
	}
	const charts = "norms/gradient_logits norms/gradient_text norms/gradient_visual norms/weight_text norms/weight_visual " +
		"speed/data_wait speed/pairs_per_second speed/peak_share " +
		"train/gradient_norm train/learning_rate train/logit_scale train/loss train/outlier_steps train/skipped_steps train/temperature"
	for i, first := range []int64{1, 8} {
		list := readEvents(t, files[i])
		if list[0].version != "brain.Event:2" || !list[1].start || list[1].step != first {
			t.Errorf("%s begins with %+v, want the version and a start at step %d", files[i], list[:2], first)
		}
		for k, e := range list[2:] {
			if tags := strings.Join(slices.Sorted(maps.Keys(e.scalars)), " "); e.step != first+int64(k) || tags != charts {
				t.Errorf("%s: event %d is of step %d, want %d, with the charts %s", files[i], k, e.step, first+int64(k), tags)
			}
		}
		if i == 1 {
			if last := list[len(list)-1]; last.step != 24 || last.scalars["train/temperature"] != float32(r.Temperature) {
				t.Errorf("the last event is %+v", last)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "checkpoints", prometheusName))
	if err != nil {
		t.Fatal(err)
	}
	if want := "# TYPE pairloom_train_step gauge\npairloom_train_step 24\n"; !strings.Contains(string(text), want) {
		t.Errorf("%s lacks %q", text, want)
	}
}
