package stats

import "math/bits"

const (
	exactBelow = 4096 // values below this have a counter each
	subBits    = 8    // above it, 2^subBits counters for each doubling
)

// values counts non-negative integers in counters that are exact below 4,096
// and at most 0.4% wide above.
type values struct {
	counters []int64 // grown to the largest value seen
	n, sum   int64
	min, max int64
}

func (v *values) add(x int64) {
	x = max(x, 0)
	if v.n == 0 || x < v.min {
		v.min = x
	}
	v.max = max(v.max, x)
	v.n++
	v.sum += x
	i := counterOf(x)
	if i >= len(v.counters) {
		v.counters = append(v.counters, make([]int64, i+1-len(v.counters))...)
	}
	v.counters[i]++
}

// merge adds what o counted.
func (v *values) merge(o *values) {
	if o.n == 0 {
		return
	}
	if v.n == 0 || o.min < v.min {
		v.min = o.min
	}
	v.max, v.n, v.sum = max(v.max, o.max), v.n+o.n, v.sum+o.sum
	if more := len(o.counters) - len(v.counters); more > 0 {
		v.counters = append(v.counters, make([]int64, more)...)
	}
	for i, c := range o.counters {
		v.counters[i] += c
	}
}

// counterOf is the index of x's counter, floorOf the least value of a counter.
func counterOf(x int64) int {
	if x < exactBelow {
		return int(x)
	}
	shift := bits.Len64(uint64(x)) - 1 - subBits
	base := exactBelow + (shift-(12-subBits))<<subBits
	return base + int(x>>shift) - 1<<subBits
}

func floorOf(i int) int64 {
	if i < exactBelow {
		return int64(i)
	}
	i -= exactBelow
	shift := i>>subBits + 12 - subBits
	return int64(1<<subBits+i&(1<<subBits-1)) << shift
}

// quantile is the least value that at least share q of all are not above.
func (v *values) quantile(q float64) int64 {
	want := int64(q * float64(v.n))
	if float64(want) < q*float64(v.n) {
		want++
	}
	var seen int64
	for i, c := range v.counters {
		seen += c
		if seen >= want && c > 0 {
			return min(max(floorOf(i), v.min), v.max)
		}
	}
	return v.max
}

// distribution sums v up. Its histogram has round bins that reach to the .99
// quantile; the last one holds what lies above.
func (v *values) distribution(name, unit, of string) Distribution {
	d := Distribution{Name: name, Unit: unit, Of: of, Count: v.n, Min: v.min, Max: v.max, Exact: true,
		Quantiles: []int64{}, Histogram: []HistBin{}}
	if v.n == 0 {
		return d
	}
	d.Mean = float64(v.sum) / float64(v.n)
	for q := 1; q <= 19; q++ {
		d.Quantiles = append(d.Quantiles, v.quantile(float64(q)/20))
	}
	low := v.quantile(.01)
	width := binWidth(v.quantile(.99) - low + 1)
	from := low / width * width
	if from > v.min && from-width <= v.min {
		from -= width
	}
	last := int((v.quantile(.99) - from) / width)
	var bins []HistBin
	for i, c := range v.counters {
		if c == 0 {
			continue
		}
		x := max(floorOf(i), from)
		k := int(min((x-from)/width, int64(last)))
		for len(bins) <= k {
			at := from + int64(len(bins))*width
			bins = append(bins, HistBin{From: at, To: at + width})
		}
		bins[k].Count += c
	}
	bins[0].From = min(bins[0].From, v.min)
	bins[len(bins)-1].To = max(bins[len(bins)-1].To, v.max+1)
	d.Histogram = bins
	return d
}

// binWidth is the least of 1, 2, 5, 10, 20, ... that cuts span into 24 or fewer.
func binWidth(span int64) int64 {
	for p := int64(1); ; p *= 10 {
		for _, m := range []int64{1, 2, 5} {
			if span <= 24*m*p || p > 1e15 {
				return m * p
			}
		}
	}
}
