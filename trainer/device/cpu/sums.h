// How sums over many rows are cut, whatever the number of threads: the same
// order, and the same bits, for any.
enum {
	// Sums of columns go strip by strip of STRIP columns and chunk by chunk of
	// CHUNK rows, so that the rounding of a long sum grows with the chunks
	// instead of the rows.
	STRIP = 64,
	CHUNK = 64,
	// Batch norm's rows are cut into BANDS, and a part's sums are kept in float
	// for CHUNK rows of SPAN columns at a time, and in double beyond.
	BANDS = pl_batch_norm_parts,
	SPAN = 512,
};
