package trainer

import (
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
)

// fading is an exponential moving average of the weights. The zero value keeps
// none.
type fading struct {
	memory device.Memory
	data   device.Buffer // laid out as Parameters.Data
}

func (f *fading) allocate(d device.Device, p *nn.Parameters) (err error) {
	if f.memory, err = d.Alloc(4 * p.Data.Len); err != nil {
		return err
	}
	f.data = device.Whole(f.memory, device.F32)
	return nil
}

func (f *fading) free() {
	if f.memory != nil {
		f.memory.Free()
	}
	*f = fading{}
}

// begin makes the average that of the weights as they are.
func (f *fading) begin(d device.Device, p *nn.Parameters) {
	if f.memory != nil {
		d.Copy(f.data, p.Data)
	}
}

// add takes the weights in after an update. The first updates count for more,
// keep being at most (1+t)/(10+t): the average would else remember the weights
// drawn by chance for 1/(1-keep) steps.
func (f *fading) add(d device.Device, p *nn.Parameters, keep float64, updates int64) {
	if f.memory != nil {
		t := float64(updates)
		d.Blend(f.data, p.Data, float32(min(keep, (1+t)/(10+t))))
	}
}

// swap lets the parameters' values be the average, until the function that it
// returns is called.
func (f *fading) swap(d device.Device, p *nn.Parameters) (back func()) {
	if f.memory == nil {
		return func() {}
	}
	return p.Swap(d, f.data)
}
