package conformance

import (
	"math"
	"testing"
)

func TestLargestError(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tt := range []struct {
		name      string
		got, want []float32
		error     float64
	}{
		{"equal", []float32{1, 2}, []float32{1, 2}, 0},
		{"against its own size", []float32{4.5, 1}, []float32{4, 1}, 0.125},
		{"of a small one, against all", []float32{5, 0.5, 5, 5}, []float32{5, 0, 5, 5}, 0.5 / math.Sqrt(75.0/4)},
		{"no number in the midst", []float32{1, nan, 3.5}, []float32{1, 2, 3}, math.Inf(1)},
		{"no number at the end", []float32{1, 2, nan}, []float32{1, 2, 3}, math.Inf(1)},
		{"infinite", []float32{inf, 2.5}, []float32{1, 2}, math.Inf(1)},
		{"too few", []float32{1}, []float32{1, 2}, math.Inf(1)},
		{"none", nil, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := largestError(tt.got, tt.want); got != tt.error {
				t.Errorf("got %g, want %g", got, tt.error)
			}
		})
	}
}
