package batch

// Memory is about what a Loader holds, in bytes: its batches, and of so many rows the
// pictures that it keeps decoded.
func (o Options) Memory(rows int) (batches, kept int64) {
	micro := o.Micro
	if micro == 0 {
		micro = o.Batch
	}
	batches = int64(max(1, o.Workers)+2) * int64(micro) * 3 * int64(o.Resolution) * int64(o.Resolution)
	// A picture is kept as it is cut, a third longer than it is high; or, where it is cut
	// before it is scaled, as it was decoded.
	side := int64(o.Resolution)
	if o.CropScale > 0 {
		side = max(side, 512)
	}
	return batches, min(o.CacheBytes, int64(rows)*3*side*side*4/3)
}
