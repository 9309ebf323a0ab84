package preview

import (
	"math"
	"reflect"
	"slices"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/settings"
)

// Steps of a decade of whole numbers, and of ratios.
var (
	wholeSteps = []float64{10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90}
	ratioSteps = []float64{1, 1.1, 1.2, 1.33, 1.5, 1.78, 2, 2.5, 3, 3.5, 4, 5, 6, 8}
)

// pictureSides are numbers that people choose where pixels are counted, beside the
// round ones.
var pictureSides = []float64{16, 32, 64, 128, 224, 256, 336, 384, 512, 768, 1024, 2048}

// Grid lists the thresholds, ascending and above 0, at which a limit is tried: round
// numbers over all that its key in the section filter allows, and the threshold that
// is set. The key's type and range tell a share of 1 from a ratio and from a number
// that is counted.
func Grid(l filter.Limit) []float64 {
	whole, share := true, false
	settings.Walk(reflect.ValueOf(filter.Options{}), func(path string, f settings.Field) {
		if path == l.Key {
			whole, share = f.Value.CanInt(), f.Tag.Get("range") == "0..1"
		}
	})
	var grid []float64
	switch {
	case share:
		for i := 1; i <= 20; i++ {
			grid = append(grid, float64(i)/20)
		}
		grid = append(grid, 0.01, 0.02)
	case whole:
		for n := 1.; n < 10; n++ {
			grid = append(grid, n)
		}
		for p := 1.; p <= 1e8; p *= 10 {
			for _, step := range wholeSteps {
				grid = append(grid, step*p)
			}
		}
		grid = append(grid, pictureSides...)
	default:
		for p := 1.; p <= 100; p *= 10 {
			for _, step := range ratioSteps {
				grid = append(grid, math.Round(step*p*100)/100)
			}
		}
	}
	if l.At > 0 {
		grid = append(grid, l.At)
	}
	slices.Sort(grid)
	return slices.Compact(grid)
}
