package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCountersCoverAllValues(t *testing.T) {
	last := -1
	for _, x := range []int64{0, 1, 4095, 4096, 4111, 4112, 8191, 8192, 1 << 20, 1<<20 + 4096, 1 << 40, math.MaxInt64} {
		i := counterOf(x)
		if i < last {
			t.Errorf("counter of %d is %d, before the last one's", x, i)
		}
		last = i
		low := floorOf(i)
		if low > x || float64(x-low) > float64(x)/250 {
			t.Errorf("%d is counted as %d", x, low)
		}
		if x > 0 && counterOf(floorOf(i)) != i {
			t.Errorf("the least value of counter %d has counter %d", i, counterOf(floorOf(i)))
		}
	}
	for i := range counterOf(math.MaxInt64) + 1 {
		if counterOf(floorOf(i)) != i {
			t.Fatalf("counter %d starts at %d, which has counter %d", i, floorOf(i), counterOf(floorOf(i)))
		}
	}
}

func TestQuantilesMatchSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for _, n := range []int{1, 2, 19, 1000} {
		var v values
		var all []int64
		for range n {
			x := int64(rng.IntN(4000))
			v.add(x)
			all = append(all, x)
		}
		slices.Sort(all)
		d := v.distribution("x", "pixels", "pairs")
		for i, q := range d.Quantiles {
			at := int(math.Ceil(float64(i+1)/20*float64(n))) - 1
			if want := all[at]; q != want {
				t.Errorf("n=%d, quantile %d: %d, want %d", n, i, q, want)
			}
		}
		if d.Min != all[0] || d.Max != all[n-1] {
			t.Errorf("n=%d: from %d to %d", n, d.Min, d.Max)
		}
	}
}

func FuzzDistribution(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(0))
	f.Add([]byte{255, 0, 7, 9}, uint8(30))
	f.Fuzz(func(t *testing.T, b []byte, shift uint8) {
		var v values
		for _, x := range b {
			v.add(int64(x) << (shift % 50))
		}
		d := v.distribution("x", "pixels", "pairs")
		var n int64
		for i, bin := range d.Histogram {
			n += bin.Count
			if bin.From >= bin.To || i > 0 && d.Histogram[i-1].To != bin.From {
				t.Fatalf("bins are no row: %+v", d.Histogram)
			}
		}
		if n != int64(len(b)) || len(d.Histogram) > 60 {
			t.Fatalf("%d of %d values in %d bins", n, len(b), len(d.Histogram))
		}
		if !slices.IsSorted(d.Quantiles) {
			t.Fatalf("quantiles fall: %v", d.Quantiles)
		}
	})
}

func TestDistinctBeyondItsBound(t *testing.T) {
	const n, most = 50_000, 4096
	d, back := newDistinct(most), newDistinct(most)
	for i := range uint64(n) {
		d.add(i)
		d.add(i)
		back.add(n - 1 - i)
	}
	e := d.estimate()
	if e.Exact || math.Abs(float64(e.Count)-n) > n/20 {
		t.Errorf("%d things are estimated at %d", n, e.Count)
	}
	if b := back.estimate(); b != e {
		t.Errorf("the other way round: %d, not %d", b.Count, e.Count)
	}
	if len(d.counts) > most {
		t.Errorf("%d are kept, bound %d", len(d.counts), most)
	}
	if o := d.occurrences("x", "pairs", "pages"); o.Min != 2 || o.Max != 2 || o.Exact {
		t.Errorf("each occurs twice, not %d to %d", o.Min, o.Max)
	}
}

func TestNamesBeyondTheirBound(t *testing.T) {
	n := newNames(2)
	for _, s := range []string{"a", "b", "c", "b", "d", "a", "b"} {
		n.add(s)
	}
	want := Names{{"b", 3}, {"a", 2}, {otherName, 2}}
	if got := n.top(5); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := n.top(1); !slices.Equal(got, Names{{"b", 3}, {otherName, 4}}) {
		t.Errorf("top 1: %v", got)
	}
}

func TestTextForms(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{grouped(0), "0"}, {grouped(999), "999"}, {grouped(1000), "1,000"}, {grouped(-1234567), "-1,234,567"},
		{percent(1, 3), "33.3%"}, {percent(0, 0), "0%"}, {percent(5, 5), "100%"}, {percent(1, 1000), "0.10%"},
		{percent(1, 1_000_000), "< 0.01%"}, {percent(99_999, 100_000), "> 99.9%"},
		{bytesText(0), "0 B"}, {bytesText(999), "999 B"}, {bytesText(1500), "1.5 kB"}, {bytesText(999_600), "1.0 MB"},
		{fetchClass("http_404"), "HTTP 4xx"}, {fetchClass("picture_empty"), "not a usable picture"},
		{fetchClass("opt_out"), "the site says no"}, {fetchClass("timeout"), "network"}, {fetchClass("bad_redirect"), "a broken answer"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
