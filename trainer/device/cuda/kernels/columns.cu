// The second half of column sums (columns.h): what all parts say, added to where it
// belongs. It reads the parts, 4*sums bytes a column and part, mostly from the cache.
#include "columns.h"

// first[cols] += the first sum of each column, and second[cols], unless it is 0, the
// second; parts[count][1 or 2][cols].
KERNEL(512, columns_add, float *first, float *second, const float *parts, int count, int cols) {
	SHARED(float, cells, 512);
	int width = second ? 2 * cols : cols, column = (int)blockIdx.x * 32 + lane();
	float sum = column_total(parts, count, width, cells);
	if (warp() == 0 && column < width) {
		float *to = column < cols ? first + column : second + (column - cols);
		*to += sum;
	}
}
