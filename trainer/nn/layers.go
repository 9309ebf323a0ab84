package nn

import "github.com/pairloom/pairloom/trainer/autograd"

// Linear is a matrix product with bias.
type Linear struct{ weight, bias *autograd.Value }

// NewLinear makes name.weight[out,in] and name.bias[out]. bias may be nil for
// the usual uniform draw.
func NewLinear(p *Parameters, name string, in, out int, weight, bias Draw) Linear {
	if bias == nil {
		bias = Uniform(inverseRoot(in))
	}
	return Linear{p.New(name+".weight", weight, out, in), p.New(name+".bias", bias, out)}
}

// Forward is x weight^t + bias.
func (l Linear) Forward(t *autograd.Tape, x *autograd.Value) *autograd.Value {
	return t.Linear(x, l.weight, l.bias)
}

// Output is Forward with a result of F32; see autograd.Tape.Output.
func (l Linear) Output(t *autograd.Tape, x *autograd.Value) *autograd.Value {
	return t.Output(x, l.weight, l.bias)
}

// Outputs is the number of columns that Forward gives.
func (l Linear) Outputs() int { return l.weight.Rows }

// LayerNorm normalises rows, with a learned gain and shift.
type LayerNorm struct{ gain, shift *autograd.Value }

// Epsilon is what LayerNorm adds to the variance.
const Epsilon = 1e-5

// NewLayerNorm makes name.weight and name.bias.
func NewLayerNorm(p *Parameters, name string, width int) LayerNorm {
	return LayerNorm{p.New(name+".weight", Constant(1), width), p.New(name+".bias", Constant(0), width)}
}

// Forward normalises each row of x.
func (l LayerNorm) Forward(t *autograd.Tape, x *autograd.Value) *autograd.Value {
	return t.LayerNorm(x, l.gain, l.shift, Epsilon)
}
