#include <stdlib.h>

#include "convolution.h"

// One of forward, backward data, backward weights: the weights as oneDNN wants
// them lie in scratch, and a reorder brings them from, or to, [out,in,3,3].
typedef struct {
	dnnl_primitive_t run, reorder;
	dnnl_memory_t in, out; // handles are set for each run
	dnnl_memory_t blocked, scratch;
	size_t weights; // bytes, a multiple of 64
	size_t bytes;   // of scratch behind the weights
} direction;

struct pl_convolution {
	dnnl_stream_t stream;
	dnnl_memory_t plain;
	direction forward, data, gradient;
};

static size_t to_line(size_t bytes) { return (bytes + 63) / 64 * 64; }

// A shape is rows of channels in and out, and the public layout of weights. The
// factors of products may be bfloat16; results are float32.
typedef struct {
	dnnl_memory_desc_t in, out, in_factor, out_factor, weights, weights_factor, plain;
} shape;

static shape shape_of(int64_t batch, int64_t side, int64_t in, int64_t out, int bf16) {
	dnnl_dims_t ins = {batch, in, side, side}, outs = {batch, out, side, side}, ws = {out, in, 3, 3};
	dnnl_data_type_t factor = bf16 ? dnnl_bf16 : dnnl_f32;
	shape s;
	dnnl_memory_desc_init_by_tag(&s.in, 4, ins, dnnl_f32, dnnl_nhwc);
	dnnl_memory_desc_init_by_tag(&s.out, 4, outs, dnnl_f32, dnnl_nhwc);
	dnnl_memory_desc_init_by_tag(&s.in_factor, 4, ins, factor, dnnl_nhwc);
	dnnl_memory_desc_init_by_tag(&s.out_factor, 4, outs, factor, dnnl_nhwc);
	dnnl_memory_desc_init_by_tag(&s.weights, 4, ws, dnnl_f32, dnnl_format_tag_any);
	dnnl_memory_desc_init_by_tag(&s.weights_factor, 4, ws, factor, dnnl_format_tag_any);
	dnnl_memory_desc_init_by_tag(&s.plain, 4, ws, dnnl_f32, dnnl_oihw);
	return s;
}

// direction_new makes d from the primitive pd, whose weights are query's.
static int direction_new(direction *d, dnnl_engine_t engine, dnnl_primitive_desc_t pd, dnnl_query_t query, const dnnl_memory_desc_t *in, const dnnl_memory_desc_t *out, const dnnl_memory_desc_t *plain) {
	const dnnl_memory_desc_t *blocked = dnnl_primitive_desc_query_md(pd, query, 0);
	const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
	int to_plain = query == dnnl_query_diff_weights_md;
	d->weights = to_line(dnnl_memory_desc_get_size(blocked));
	d->bytes = to_line(dnnl_memory_desc_get_size(scratch));
	int status = dnnl_primitive_create(&d->run, pd);
	if (!status)
		status = dnnl_memory_create(&d->blocked, blocked, engine, DNNL_MEMORY_NONE);
	if (!status)
		status = dnnl_memory_create(&d->scratch, scratch, engine, DNNL_MEMORY_NONE);
	if (!status)
		status = dnnl_memory_create(&d->in, in, engine, DNNL_MEMORY_NONE);
	if (!status)
		status = dnnl_memory_create(&d->out, out, engine, DNNL_MEMORY_NONE);
	if (status)
		return status;
	// A gradient is added to what is there.
	dnnl_primitive_attr_t attr = NULL;
	dnnl_post_ops_t add = NULL;
	if (to_plain) {
		dnnl_primitive_attr_create(&attr);
		dnnl_post_ops_create(&add);
		dnnl_post_ops_append_sum(add, 1);
		dnnl_primitive_attr_set_post_ops(attr, add);
	}
	dnnl_primitive_desc_t reorder = NULL;
	status = dnnl_reorder_primitive_desc_create(&reorder, to_plain ? blocked : plain, engine, to_plain ? plain : blocked, engine, attr);
	if (!status)
		status = dnnl_primitive_create(&d->reorder, reorder);
	dnnl_primitive_desc_destroy(reorder);
	if (to_plain) {
		dnnl_post_ops_destroy(add);
		dnnl_primitive_attr_destroy(attr);
	}
	return status;
}

static void direction_free(direction *d) {
	dnnl_primitive_destroy(d->run);
	dnnl_primitive_destroy(d->reorder);
	dnnl_memory_destroy(d->in);
	dnnl_memory_destroy(d->out);
	dnnl_memory_destroy(d->blocked);
	dnnl_memory_destroy(d->scratch);
}

// descriptions asks oneDNN for the three primitives of the shape.
static int descriptions(dnnl_primitive_desc_t pd[3], dnnl_engine_t engine, const shape *s) {
	dnnl_dims_t one = {1, 1};
	dnnl_primitive_attr_t attr;
	dnnl_convolution_desc_t c;
	int status = dnnl_primitive_attr_create(&attr);
	if (status)
		return status;
	dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	status = dnnl_convolution_forward_desc_init(&c, dnnl_forward_training, dnnl_convolution_direct, &s->in_factor, &s->weights_factor, NULL, &s->out, one, one, one);
	if (!status)
		status = dnnl_primitive_desc_create(&pd[0], &c, attr, engine, NULL);
	if (!status)
		status = dnnl_convolution_backward_data_desc_init(&c, dnnl_convolution_direct, &s->in, &s->weights_factor, &s->out_factor, one, one, one);
	if (!status)
		status = dnnl_primitive_desc_create(&pd[1], &c, attr, engine, pd[0]);
	if (!status)
		status = dnnl_convolution_backward_weights_desc_init(&c, dnnl_convolution_direct, &s->in_factor, &s->weights, NULL, &s->out_factor, one, one, one);
	if (!status)
		status = dnnl_primitive_desc_create(&pd[2], &c, attr, engine, pd[0]);
	dnnl_primitive_attr_destroy(attr);
	return status;
}

int pl_convolution_new(pl_convolution **made, pl_onednn o, int64_t batch, int64_t side, int64_t in, int64_t out, int bf16) {
	*made = NULL;
	pl_convolution *c = calloc(1, sizeof *c);
	if (!c)
		return dnnl_out_of_memory;
	c->stream = o.stream;
	shape s = shape_of(batch, side, in, out, bf16);
	dnnl_primitive_desc_t pd[3] = {NULL, NULL, NULL};
	int status = descriptions(pd, o.engine, &s);
	if (!status)
		status = direction_new(&c->forward, o.engine, pd[0], dnnl_query_weights_md, &s.in_factor, &s.out, &s.plain);
	if (!status)
		status = direction_new(&c->data, o.engine, pd[1], dnnl_query_weights_md, &s.in, &s.out_factor, &s.plain);
	if (!status)
		status = direction_new(&c->gradient, o.engine, pd[2], dnnl_query_diff_weights_md, &s.in_factor, &s.out_factor, &s.plain);
	for (int i = 0; i < 3; i++)
		dnnl_primitive_desc_destroy(pd[i]);
	if (!status)
		status = dnnl_memory_create(&c->plain, &s.plain, o.engine, DNNL_MEMORY_NONE);
	if (status) {
		pl_convolution_free(c);
		return status;
	}
	*made = c;
	return 0;
}

void pl_convolution_free(pl_convolution *c) {
	direction_free(&c->forward);
	direction_free(&c->data);
	direction_free(&c->gradient);
	dnnl_memory_destroy(c->plain);
	free(c);
}

int64_t pl_convolution_scratch(const pl_convolution *c) {
	size_t most = 0;
	const direction *all[] = {&c->forward, &c->data, &c->gradient};
	for (int i = 0; i < 3; i++)
		most = all[i]->weights + all[i]->bytes > most ? all[i]->weights + all[i]->bytes : most;
	return (int64_t)(most / 4);
}

// execute runs d with the memories that hold x and y, the weights before it or
// their gradient after it.
static int execute(pl_convolution *c, direction *d, void *in, void *out, float *w, float *scratch, int arg_in, int arg_out, int arg_weights) {
	int after = arg_weights == DNNL_ARG_DIFF_WEIGHTS;
	dnnl_memory_set_data_handle(d->in, in);
	dnnl_memory_set_data_handle(d->out, out);
	dnnl_memory_set_data_handle(c->plain, w);
	dnnl_memory_set_data_handle(d->blocked, scratch);
	dnnl_memory_set_data_handle(d->scratch, (char *)scratch + d->weights);
	dnnl_exec_arg_t move[] = {{DNNL_ARG_FROM, after ? d->blocked : c->plain}, {DNNL_ARG_TO, after ? c->plain : d->blocked}};
	dnnl_exec_arg_t arguments[] = {{arg_in, d->in}, {arg_out, d->out}, {arg_weights, d->blocked}, {DNNL_ARG_SCRATCHPAD, d->scratch}};
	int status = after ? 0 : dnnl_primitive_execute(d->reorder, c->stream, 2, move);
	if (!status)
		status = dnnl_primitive_execute(d->run, c->stream, 4, arguments);
	if (!status && after)
		status = dnnl_primitive_execute(d->reorder, c->stream, 2, move);
	return status ? status : (int)dnnl_stream_wait(c->stream);
}

int pl_convolution_forward(pl_convolution *c, float *y, void *x, float *w, float *scratch) {
	return execute(c, &c->forward, x, y, w, scratch, DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS);
}

int pl_convolution_backward_data(pl_convolution *c, float *dx, void *dy, float *w, float *scratch) {
	return execute(c, &c->data, dx, dy, w, scratch, DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS);
}

int pl_convolution_backward_weights(pl_convolution *c, float *dw, void *dy, void *x, float *scratch) {
	return execute(c, &c->gradient, x, dy, dw, scratch, DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS);
}
