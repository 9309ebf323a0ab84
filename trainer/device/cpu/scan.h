// scan: scores[i] = row i . query, for rows of dim floats that lie end to end.
// It reads the rows once, in order, in the calling thread.
static void KERNEL(scan)(float *scores, const float *rows, const float *query, int64_t n, int64_t dim) {
	enum { step = 4 * LANES };
	for (int64_t i = 0; i < n; i++) {
		const float *row = rows + i * dim;
		lanes a = {0}, b = {0}, c = {0}, d = {0};
		int64_t j = 0;
		for (; j + step <= dim; j += step) {
			a += *(const lanes *)(row + j) * *(const lanes *)(query + j);
			b += *(const lanes *)(row + j + LANES) * *(const lanes *)(query + j + LANES);
			c += *(const lanes *)(row + j + 2 * LANES) * *(const lanes *)(query + j + 2 * LANES);
			d += *(const lanes *)(row + j + 3 * LANES) * *(const lanes *)(query + j + 3 * LANES);
		}
		a = (a + b) + (c + d);
		float sum = 0;
		for (int l = 0; l < LANES; l++)
			sum += a[l];
		for (; j < dim; j++)
			sum += row[j] * query[j];
		scores[i] = sum;
	}
}
