#include "matmul_bf16.h"

int pl_bf16_available(void) {
	return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

// matrix describes [rows,cols] that is stored so, or transposed.
static int matrix(dnnl_memory_desc_t *md, int64_t rows, int64_t cols, int transposed, dnnl_data_type_t type) {
	dnnl_dims_t dims = {rows, cols}, strides = {transposed ? 1 : cols, transposed ? rows : 1};
	return dnnl_memory_desc_init_by_strides(md, 2, dims, type, strides);
}

int pl_matmul_bf16(pl_onednn o, float *c, const uint16_t *a, const uint16_t *b, int64_t m, int64_t n, int64_t k, int trans_a, int trans_b, float beta) {
	dnnl_memory_desc_t md[3];
	dnnl_matmul_desc_t d;
	dnnl_post_ops_t sum = NULL;
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_t primitive = NULL;
	dnnl_memory_t memory[3] = {NULL};
	int status;
	// oneDNN keeps the generated code of the last thousand shapes, so that
	// making the primitive anew costs microseconds.
#define TRY(call) \
	if ((status = (call)) != 0) \
	goto end
	TRY(matrix(&md[0], m, k, trans_a, dnnl_bf16));
	TRY(matrix(&md[1], k, n, trans_b, dnnl_bf16));
	TRY(matrix(&md[2], m, n, 0, dnnl_f32));
	TRY(dnnl_matmul_desc_init(&d, &md[0], &md[1], NULL, &md[2]));
	TRY(dnnl_primitive_attr_create(&attr));
	if (beta != 0) {
		TRY(dnnl_post_ops_create(&sum));
		TRY(dnnl_post_ops_append_sum(sum, beta));
		TRY(dnnl_primitive_attr_set_post_ops(attr, sum));
	}
	TRY(dnnl_primitive_desc_create(&pd, &d, attr, o.engine, NULL));
	TRY(dnnl_primitive_create(&primitive, pd));
	TRY(dnnl_memory_create(&memory[0], &md[0], o.engine, (void *)a));
	TRY(dnnl_memory_create(&memory[1], &md[1], o.engine, (void *)b));
	TRY(dnnl_memory_create(&memory[2], &md[2], o.engine, c));
	dnnl_exec_arg_t args[3] = {{DNNL_ARG_SRC, memory[0]}, {DNNL_ARG_WEIGHTS, memory[1]}, {DNNL_ARG_DST, memory[2]}};
	TRY(dnnl_primitive_execute(primitive, o.stream, 3, args));
	TRY(dnnl_stream_wait(o.stream));
#undef TRY
end:
	for (int i = 0; i < 3; i++)
		dnnl_memory_destroy(memory[i]);
	dnnl_primitive_destroy(primitive);
	dnnl_primitive_desc_destroy(pd);
	dnnl_primitive_attr_destroy(attr);
	dnnl_post_ops_destroy(sum);
	return status;
}
