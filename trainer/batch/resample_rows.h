// The two passes of resample.c, for each kind of processor.

#ifndef BATCH_RESAMPLE_ROWS_H
#define BATCH_RESAMPLE_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum { BATCH_BITS = 22 }; // of a weight, behind the point

// batch_kernel is the weights of an axis, four at a time: output i is the sum over t of
// weights[i*4*groups + t] times sample first[i] + t.
typedef struct {
	int out, groups, level, far;
	int32_t *first, *weights;
	int8_t *packed; // the weights in the order of the pass across, of the level
	size_t first_size, weights_size, packed_size;
} batch_kernel;

// batch_pack makes a kernel ready for batch_across. 0 says that there is no memory.
int batch_pack(batch_kernel *k, int level);

// batch_across scales rows of pixels; behind each row, of from and of to, are BATCH_SLACK bytes.
void batch_across(const batch_kernel *k, const uint8_t *from, size_t stride, int rows, uint8_t *to, size_t wide);

// batch_down makes rows of size bytes, to_wide apart, of rows that are wide bytes apart and
// count from 0 to rows. list has room for 4*groups of them.
void batch_down(const batch_kernel *k, int level, const uint8_t *from, size_t wide, int rows, size_t size, uint8_t *to,
	size_t to_wide, const uint8_t **list);

#endif
