package trainer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
)

// precisionOn is Precision, or where that is auto the one of the checkpoint that training
// goes on from, which may be nil, else the one that suits the device.
func (o Options) precisionOn(c backend.Choice, found *checkpoint.Checkpoint) string {
	switch {
	case o.Precision != "" && o.Precision != precisionAuto:
		return o.Precision
	case found != nil:
		if values, err := readSettings(found.State.Settings); err == nil {
			return values[keyPrecision]
		}
	case c.OnCard:
		return precisionBF16
	}
	return precisionFP32
}

// openDevice opens the device that was chosen, and says what it is where that is not
// what it always was.
func (r *run) openDevice() (device.Device, error) {
	o := r.options
	d, err := r.choice.Open(backend.Options{Threads: o.threads(), TF32: o.Precision == precisionTF32})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	switch {
	case r.choice.OnCard:
		r.placed = "computes on " + d.Name() + " in " + o.Precision
	case r.choice.Why != "":
		r.placed = "computes on " + d.Name() + " in " + o.Precision + ": " + r.choice.Why
	}
	if r.choice.InSoftware(o.activations()) {
		r.tell("train.precision is bf16, which this processor does in software, slower than fp32")
	}
	return d, nil
}

// rooms is the memory that a training may take in bytes, on a card and on the machine;
// less than 0 where it is not known. Without a card all lies in the machine.
type rooms struct {
	onCard        bool
	card, machine int64
}

// roomsOf asks for the rooms of a device.
func roomsOf(c backend.Choice) rooms {
	m, known := MachineMemory()
	if !known {
		m = -1
	}
	return rooms{c.OnCard, c.Free, m}
}

// known tells whether there is anything to hold a need against.
func (r rooms) known() bool { return r.onCard || r.machine >= 0 }

// hold tells whether a share of what a training takes has room.
func (r rooms) hold(m Memory, share float64) bool {
	fits := func(bytes, room int64) bool { return room < 0 || int64(share*float64(bytes)) <= room }
	if !r.onCard {
		return fits(m.Total(), r.machine)
	}
	return fits(m.Device(), r.card) && fits(m.Total()-m.Device(), r.machine)
}

// lack says what has no room, of how much.
func (r rooms) lack(m Memory) string {
	switch {
	case !r.onCard:
		return fmt.Sprintf("need about %s, and there are %s", megabytes(m.Total()), megabytes(r.machine))
	case m.Device() > r.card:
		return fmt.Sprintf("need about %s on the card, and %s are free there", megabytes(m.Device()), megabytes(r.card))
	}
	return fmt.Sprintf("need about %s beside the card, and there are %s", megabytes(m.Total()-m.Device()), megabytes(r.machine))
}

// ErrMemory is wrapped when a training cannot fit into the memory of the machine, or of
// the card.
var ErrMemory = errors.New("the batch does not fit into the memory that there is")

// sure is the share of an estimate that a training takes in any case.
const sure = 0.9

// checkMemory holds the need of the run against the memory that there is, and names the
// batch that fits. It is asked before there is anything on the device.
func (r *run) checkMemory() error {
	rooms := roomsOf(r.choice)
	if !rooms.known() || r.state.Step >= r.state.Total {
		return nil
	}
	p, err := r.plan()
	if err != nil {
		return err
	}
	m, _, err := p.memory(r.batch, r.microBatch())
	if err != nil || rooms.hold(m, sure) {
		return err
	}
	cures, err := p.cures(r.batch, rooms)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s %s; %s", ErrMemory, r.batchText(), rooms.lack(m), cures)
}

// advise adds the batch that fits to an error of a device whose memory ran out all the
// same, since others take from it or the estimate was short; other errors stay.
func (r *run) advise(err error) error {
	if !errors.Is(err, device.ErrMemory) {
		return err
	}
	rooms := roomsOf(r.choice)
	if !rooms.onCard {
		rooms.machine += r.device.Bytes()
	} else if now, failed := backend.Choose(fmt.Sprintf("%s:%d", backend.CUDA, r.choice.Number)); failed == nil {
		rooms.card = now.Free + r.device.Bytes()
	}
	p, failed := r.plan()
	if failed != nil {
		return fmt.Errorf("%w: %w", ErrMemory, err)
	}
	cures, failed := p.cures(r.batch, rooms)
	if failed != nil {
		return fmt.Errorf("%w: %w", ErrMemory, err)
	}
	return fmt.Errorf("%w: %s: %w; %s", ErrMemory, r.batchText(), err, cures)
}

// batchText names the batch as the configuration does.
func (r *run) batchText() string {
	if micro := r.microBatch(); micro < r.batch {
		return fmt.Sprintf("train.micro_batch: %d of %d pairs of %s", micro, r.batch, r.state.Model.Name)
	}
	return fmt.Sprintf("train.batch: %d pairs of %s", r.batch, r.state.Model.Name)
}

// cures says which batches have room.
func (p plan) cures(pairs int, in rooms) (string, error) {
	whole, part, err := p.largest(pairs, in)
	if err != nil {
		return "", err
	}
	var cures []string
	if part > 0 {
		cures = append(cures, fmt.Sprintf("set train.micro_batch to %d, which gives the gradient of the whole batch for a third more work", part))
	}
	if whole > 1 {
		cures = append(cures, fmt.Sprintf("set train.batch to %d", whole))
	}
	if len(cures) == 0 {
		cures = append(cures, "not even two pairs fit; take a smaller model")
	}
	return strings.Join(cures, ", or "), nil
}
