// Bicubic scaling equal to Pillow's, for resample.go.

#ifndef BATCH_RESAMPLE_H
#define BATCH_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

// BATCH_SLACK bytes behind a picture may be read.
enum { BATCH_SLACK = 128 };

enum { BATCH_PLAIN, BATCH_AVX2, BATCH_AVX512, BATCH_LEVELS };

// batch_axis says where samples lie: the middle of output i, of from to from+out, is at
// start + (i + 0.5) * ratio in a row of in samples, each of which is 1 wide.
typedef struct {
	double start, ratio;
	int in, from, out;
} batch_axis;

// batch_levels is one bit for each of the levels above that this processor has.
int batch_levels(void);

// batch_span is the samples that the outputs of an axis are made of.
void batch_span(const batch_axis *a, int *first, int *count);

typedef struct batch_resampler batch_resampler;

// batch_resampler_new is NULL where there is no memory.
batch_resampler *batch_resampler_new(void);
void batch_resampler_free(batch_resampler *r);

// batch_resample scales across, then down, or the other way round, and writes x.out by y.out pixels of red, green
// and blue to rgb. from holds the samples that batch_span names of both axes: its first
// pixel is number first_x of row first_y, and its rows are stride bytes apart. 0 says that
// there is no memory.
int batch_resample(batch_resampler *r, int level, int down_first, const batch_axis *x, const batch_axis *y, const uint8_t *from,
	size_t stride, int first_x, int first_y, uint8_t *rgb);

#endif
