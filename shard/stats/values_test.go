package stats

import (
	"fmt"
	"maps"
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
		d.addMany(i, 2)
		back.add(n - 1 - i)
	}
	e := d.estimate()
	if e.Exact || math.Abs(float64(e.Count)-n) > n/20 {
		t.Errorf("%d things are estimated at %d", n, e.Count)
	}
	if b := back.estimate(); b != e {
		t.Errorf("the other way round: %d, not %d", b.Count, e.Count)
	}
	if d.n > most {
		t.Errorf("%d are kept, bound %d", d.n, most)
	}
	if o := d.occurrences("x", "pairs", "pages"); o.Min != 2 || o.Max != 2 || o.Exact {
		t.Errorf("each occurs twice, not %d to %d", o.Min, o.Max)
	}
}

// TestNamesBeyondTheirBound counts more names than there is room for, in parts that are
// merged: no count is too high, none too low by more than missed, and each name that is
// more frequent than that is there.
func TestNamesBeyondTheirBound(t *testing.T) {
	const most, parts = 50, 20
	rng := rand.New(rand.NewPCG(3, 5))
	zipf := rand.NewZipf(rng, 1.4, 2, 5000)
	all, truth, total := newNames(most), map[string]int64{}, int64(0)
	for range parts {
		part := newNames(most)
		for range 2000 {
			name := fmt.Sprint("name ", zipf.Uint64())
			part.add(name, 1)
			truth[name]++
			total++
		}
		all.merge(part)
	}
	if all.missed == 0 || len(all.counts) > most {
		t.Fatalf("%d names are kept, at most %d missed: the bound was not tried", len(all.counts), all.missed)
	}
	if all.missed > 2*total/most {
		t.Errorf("counts are too low by up to %d of %d", all.missed, total)
	}
	for name, n := range truth {
		var got int64
		if c := all.counts[name]; c != nil {
			got = *c
		}
		if got > n || got < n-all.missed {
			t.Errorf("%s: %d, want %d or less by at most %d", name, got, n, all.missed)
		}
	}
	if got := sum(all.top(3)); got != total {
		t.Errorf("the figures hold %d of %d", got, total)
	}
}

func TestTopNames(t *testing.T) {
	n := newNames(10)
	for _, s := range []string{"a", "b", "c", "b", "", "a", "b"} {
		n.add(s, 1)
	}
	for _, tt := range []struct {
		most int
		want Names
	}{
		{5, Names{{"b", 3}, {"a", 2}, {noneName, 1}, {"c", 1}}},
		{1, Names{{"b", 3}, {otherName, 4}}},
	} {
		if got := n.top(tt.most); !slices.Equal(got, tt.want) {
			t.Errorf("top %d: %v, want %v", tt.most, got, tt.want)
		}
	}
}

func TestHostsAndDomains(t *testing.T) {
	for _, tt := range []struct{ address, host, domain string }{
		{"https://www.example.co.uk/a?b#c", "www.example.co.uk", "example.co.uk"},
		{"http://Example.ORG:8080/", "example.org:8080", "example.org"},
		{"http://user:pass@a.example.org", "a.example.org", "example.org"},
		{"http://127.0.0.1:81/x", "127.0.0.1:81", "127.0.0.1"},
		{"http://[2001:db8::1]:81/x", "[2001:db8::1]:81", "2001:db8::1"},
		{"https://me.github.io/x", "me.github.io", "me.github.io"},
		{"http://localhost/", "localhost", "localhost"},
		{"http://co.uk/", "co.uk", "co.uk"},
		{"https://example.org?q", "example.org", "example.org"},
		{"list:cats/3", "", ""}, {"", "", ""},
	} {
		host := hostOf(tt.address)
		if domain := domainOf(host); host != tt.host || domain != tt.domain {
			t.Errorf("%s: host %q of %q, want %q of %q", tt.address, host, domain, tt.host, tt.domain)
		}
	}
}

// TestSpreadBeyondItsBound holds the curve, which is made of the frequent hosts and an
// even sample of the others, to the truth.
func TestSpreadBeyondItsBound(t *testing.T) {
	o := Options{MaxNames: 500, MaxDistinct: 2000}
	rng := rand.New(rand.NewPCG(3, 5))
	zipf := rand.NewZipf(rng, 1.3, 20, 100_000)
	s, truth, total := newSpread(o), map[string]int64{}, int64(0)
	for range 40 {
		part := newNames(1 << 20)
		for range 5000 {
			host := fmt.Sprint("h", zipf.Uint64())
			part.add(host, 1)
			truth[host]++
			total++
		}
		s.merge(part)
	}
	got := s.finish()
	if got.Count.Exact || got.Pairs != total {
		t.Fatalf("the bound was not tried: %+v", got.Count)
	}
	counts := slices.Sorted(maps.Values(truth))
	slices.Reverse(counts)
	for _, p := range got.Curve {
		var want int64
		for _, n := range counts[:min(int(p.Rank), len(counts))] {
			want += n
		}
		if math.Abs(float64(p.Pairs-want)) > .05*float64(total) {
			t.Errorf("the largest %d hosts hold %d pairs, want about %d of %d", p.Rank, p.Pairs, want, total)
		}
	}
	if last := got.Curve[len(got.Curve)-1]; last.Pairs != total {
		t.Errorf("the curve ends at %d of %d pairs", last.Pairs, total)
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
