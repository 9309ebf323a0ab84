package nn

import "slices"

// Range is a stretch of the flat buffers.
type Range struct{ From, Len int } // in words

// Ranges are the stretches in which the tensors lie whose name is among those that of
// tells, as few as there are. What lies between two tensors to align them is 0 in all
// flat buffers.
func (p *Parameters) Ranges(of func(name string) bool) []Range {
	sorted := slices.Clone(p.List)
	slices.SortFunc(sorted, func(a, b *Parameter) int { return a.from - b.from })
	var list []Range
	joined := false // to the tensor before
	for _, q := range sorted {
		if !of(q.Name) {
			joined = false
			continue
		}
		if !joined {
			list = append(list, Range{From: q.from})
		}
		last := &list[len(list)-1]
		last.Len = q.from + q.Words() - last.From
		joined = true
	}
	return list
}
