package dedup

import "testing"

// TestStaysFor reads the details that the steps write.
func TestStaysFor(t *testing.T) {
	var details []string
	e := NewExact(Options{Exact: "picture"}, t.TempDir(), 1<<20)
	defer e.Close()
	for _, p := range []Pair{{Place: 0, PairID: 0xa1, PictureHash: 7, TextHash: 1}, {Place: 1, PairID: 0xa2, PictureHash: 7, TextHash: 2}} {
		if err := e.Add(&p); err != nil {
			t.Fatal(err)
		}
	}
	for v, err := range e.Verdicts() {
		if err != nil {
			t.Fatal(err)
		}
		details = append(details, v.Detail)
	}
	near, _ := nearVerdicts(t, []Pair{
		{Place: 0, PairID: 0xa1, PictureHash: 1, PHash: balanced, Pixels: 2},
		{Place: 1, PairID: 0xa2, PictureHash: 2, PHash: balanced ^ 1, Pixels: 1},
	}, NearOptions{Distance: 4})
	details = append(details, near[0], near[1])
	long := "a red fox that sits in the snow beside the old wooden fence"
	for _, other := range []string{long, long + "s"} {
		pairs := []Pair{textPair(0, long), textPair(1, other)}
		pairs[0].PairID, pairs[1].PairID = 0xa1, 0xa2
		for _, v := range nearTexts(t, TextOptions{TextSimilarity: 0.7}, 0, nil, pairs, 1<<20) {
			details = append(details, v.Detail)
		}
	}
	named := 0
	for _, d := range details {
		id, ok := StaysFor(d)
		if ok != (d != "") || ok && id != 0xa1 && id != 0xa2 {
			t.Errorf("%q names pair %x, %v", d, id, ok)
		}
		if ok {
			named++
		}
	}
	if named != 4 {
		t.Errorf("%d details name a pair, want one of each kind: %q", named, details)
	}
	for _, d := range []string{
		"", "the same text stands under more than max_pictures_per_text 2 pictures",
		"the picture is that of photos/1.jpg: 3 bits of the hashes differ, correlation 0.99",
		"the picture is that of pair 12, which stays", "the picture is that of pair zzzzzzzzzzzzzzzz, which stays", "the picture is that of pair 00000000000000a1",
	} {
		if id, ok := StaysFor(d); ok {
			t.Errorf("%q names pair %x", d, id)
		}
	}
}
