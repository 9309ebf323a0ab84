package trainer

import (
	"errors"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
)

// TestPrecisionOn is what is asked for, then what the checkpoints have, then what suits
// the device.
func TestPrecisionOn(t *testing.T) {
	card, processor := backend.Choice{OnCard: true}, backend.Choice{}
	with := func(precision string) *checkpoint.Checkpoint {
		return &checkpoint.Checkpoint{State: checkpoint.State{Settings: `{"precision":"` + precision + `"}`}}
	}
	old := &checkpoint.Checkpoint{State: checkpoint.State{Settings: `{"seed":3}`}} // of when there was only one
	for _, tt := range []struct {
		name, asked string
		on          backend.Choice
		found       *checkpoint.Checkpoint
		want        string
	}{
		{"auto on a card", "auto", card, nil, "bf16"},
		{"not said, on a card", "", card, nil, "bf16"},
		{"auto on the processor", "auto", processor, nil, "fp32"},
		{"as it is asked for", "tf32", card, nil, "tf32"},
		{"whatever the checkpoints have", "bf16", card, with("fp32"), "bf16"},
		{"going on with fp32 on a card", "auto", card, with("fp32"), "fp32"},
		{"going on with bf16 on the processor", "auto", processor, with("bf16"), "bf16"},
		{"checkpoints that do not say", "auto", card, old, "fp32"},
	} {
		if got := (Options{Precision: tt.asked}).precisionOn(tt.on, tt.found); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRooms holds the card's part against the card, and the rest against the machine.
func TestRooms(t *testing.T) {
	m := Memory{Weights: 100, Gradients: 100, Activations: 700, Scratch: 100, Batches: 50, Saving: 250}
	for _, tt := range []struct {
		name string
		in   rooms
		want bool
		lack string
	}{
		{"the processor", rooms{machine: 1300}, true, ""},
		{"too little of it", rooms{machine: 1299}, false, "need about 0.0 MB, and there are"},
		{"nothing is known", rooms{machine: -1}, true, ""},
		{"a card", rooms{onCard: true, card: 1000, machine: 300}, true, ""},
		{"too small a card", rooms{onCard: true, card: 999, machine: 1 << 40}, false, "on the card, and"},
		{"too small a machine", rooms{onCard: true, card: 1 << 40, machine: 299}, false, "beside the card, and"},
		{"a machine that is not known", rooms{onCard: true, card: 1000, machine: -1}, true, ""},
	} {
		if got := tt.in.hold(m, 1); got != tt.want {
			t.Errorf("%s: holds it: %v", tt.name, got)
		} else if !got && !strings.Contains(tt.in.lack(m), tt.lack) {
			t.Errorf("%s: %s", tt.name, tt.in.lack(m))
		}
	}
}

// TestTF32OnProcessor is refused before any work.
func TestTF32OnProcessor(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 20)
	o := small()
	o.Device, o.Precision = backend.CPU, precisionTF32
	_, err := Run(t.Context(), dir, o, func(Step) { t.Error("it trains") })
	var u *device.Unusable
	if !errors.As(err, &u) || !strings.Contains(err.Error(), "set train.precision to fp32 or bf16") {
		t.Errorf("got %v", err)
	}
	if left := glob(t, dir, "checkpoints", "*"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}
