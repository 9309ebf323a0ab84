// The part of cuBLASLt that products use, declared here since its header comes with the
// library alone: numbers and shapes as in NVIDIA's cuBLAS Library documentation,
// "Using the cuBLASLt API".
#ifndef PAIRLOOM_LT_H
#define PAIRLOOM_LT_H

#include <stddef.h>
#include <stdint.h>

// cudaDataType_t, cublasComputeType_t.
enum { LT_F32 = 0, LT_BF16 = 14 };
enum { LT_COMPUTE_32F = 68, LT_COMPUTE_32F_FAST_TF32 = 77 };

typedef struct {
	uint64_t data[8];
} lt_algorithm;

// Column-major: d[rows,cols] = left[rows,depth] right[depth,cols] + beta c + bias[rows].
typedef struct {
	int64_t rows, cols, depth;
	int64_t left, right, result; // leading dimensions
	int64_t left_stride, right_stride, result_stride;
	int32_t transpose_left, transpose_right;
	int32_t in, out, compute, bias, batch;
	uint32_t alignment[4]; // of left, right, c and d, in bytes
} lt_shape;

// A shape with what was chosen for it, and how much of it is taken at the time: see lt_fit.
typedef struct {
	void *operation, *left, *right, *result;
	lt_algorithm algorithm;
	size_t workspace;
	int64_t taken;
} lt_plan;

// lt_open opens a library; NULL and why not.
void *lt_open(const char *path, const char **why);
// A status is cublasStatus_t: 0 for success, 15 for what is not supported.
enum { LT_NOT_SUPPORTED = 15 };
int lt_create(void *library, void **handle);
void lt_destroy(void *library, void *handle);
size_t lt_version(void *library);
const char *lt_status(void *library, int status);
// lt_choose takes the first of the heuristic's answers, whose sums have one order.
int lt_choose(void *library, void *handle, const lt_shape *shape, void *workspace, size_t bytes, lt_plan *plan);
void lt_forget(void *library, lt_plan *plan);
// lt_fit takes a plan for a shape with other columns, or, deep, with another depth where right
// is transposed and left is not. A status but 0 says that its algorithm does not do that.
int lt_fit(void *library, void *handle, lt_plan *plan, int deep, int64_t taken, size_t bytes);
int lt_run(void *library, void *handle, const lt_plan *plan, const void *left, const void *right, const void *bias, float beta, const void *c, void *d, void *workspace, size_t bytes, void *stream);
// lt_describe reads an algorithm's number, tile, stages, parts of k and scheme of reduction.
void lt_describe(void *library, const lt_plan *plan, int32_t figures[5]);

#endif
