// A product of matrices as cuBLASLt describes it, on the host.
#pragma once

#include <cstddef>
#include <cstdint>

namespace host {

enum { type_f32 = 0, type_bf16 = 14 }; // cudaDataType_t

struct Matrix {
	int type;
	bool row_major;
	uint64_t rows, cols;
	int64_t ld;
	int32_t batch;
	int64_t stride; // of the batch, in elements
};

enum class Activation { none, relu, gelu };

struct Product {
	Matrix a, b, c, d; // a and b as they lie
	bool trans_a, trans_b;
	float alpha, beta;
	const void *A, *B, *C;
	void *D;
	const void *bias; // one a row of d, or null
	int bias_type;
	int64_t bias_stride;
	Activation activation;
	void *aux; // what goes into the activation, of d's type, or null
	int64_t aux_ld, aux_stride;
};

// The same bits each time: sums over k in order, in float32.
void run_product(const Product &p);

} // namespace host
