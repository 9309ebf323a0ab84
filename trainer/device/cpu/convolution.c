#include "convolution.h"

#include <stddef.h>

#include "product.h"

// The products of a convolution, whose weights, or their gradient, lie in
// scratch in another order, a place of the nine after the other.
static pl_product forward(pl_convolution c) {
	pl_product p = {c.batch * c.side * c.side, c.out, 9 * c.in, {NULL, c.in, c.type, c.side}, {NULL, c.out, c.type, 0}, 0, 0, 1, NULL, c.out, c.type, {0}};
	return p;
}

static pl_product backward_data(pl_convolution c) {
	pl_convolution turned = {c.batch, c.side, c.out, c.in, c.type};
	return forward(turned);
}

static pl_product backward_weights(pl_convolution c) {
	pl_product p = {c.out, 9 * c.in, c.batch * c.side * c.side, {NULL, c.out, c.type, 0}, {NULL, c.in, c.type, c.side}, 1, 0, 1, NULL, 9 * c.in, PL_F32, {0}};
	return p;
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// Words of weights, to whole lines.
static int64_t weights(pl_convolution c) { return (9 * c.in * c.out + 15) / 16 * 16; }

int64_t pl_convolution_scratch(pl_convolution c) {
	return weights(c) + larger(larger(pl_product_room(forward(c)), pl_product_room(backward_data(c))), pl_product_room(backward_weights(c)));
}

// lay puts the weights [out,in,9] into scratch as [9,in,out], or for the way back as
// [9,out,in] with the places turned: where x is seen one to the left, dy sees x one to
// the right.
static void lay(float *scratch, const void *w, pl_convolution c, int back) {
	const float *f = w;
	const uint16_t *h = w;
	uint16_t *th = (uint16_t *)scratch;
	int64_t outer = back ? c.out : c.in, inner = back ? c.in : c.out;
#pragma omp parallel for
	for (int64_t i = 0; i < outer; i++)
		for (int64_t j = 0; j < inner; j++)
			for (int64_t k = 0; k < 9; k++) {
				int64_t to = ((back ? 8 - k : k) * outer + i) * inner + j;
				int64_t from = (back ? i * c.in + j : j * c.in + i) * 9 + k;
				if (c.type == PL_F32)
					scratch[to] = f[from];
				else
					th[to] = h[from];
			}
}

void pl_convolution_forward(void *y, const void *x, const void *w, pl_convolution c, float *scratch) {
	lay(scratch, w, c, 0);
	pl_product p = forward(c);
	p.a.at = x;
	p.b.at = scratch;
	p.c = y;
	pl_product_run(p, scratch + weights(c));
}

void pl_convolution_backward_data(void *dx, const void *dy, const void *w, pl_convolution c, float *scratch) {
	lay(scratch, w, c, 1);
	pl_product p = backward_data(c);
	p.a.at = dy;
	p.b.at = scratch;
	p.c = dx;
	pl_product_run(p, scratch + weights(c));
}

void pl_convolution_backward_weights(float *dw, const void *dy, const void *x, pl_convolution c, float *scratch) {
	pl_product p = backward_weights(c);
	p.a.at = dy;
	p.b.at = x;
	p.c = scratch;
	pl_product_run(p, scratch + weights(c));
	// [out,9,in] to [out,in,9].
#pragma omp parallel for
	for (int64_t o = 0; o < c.out; o++)
		for (int64_t i = 0; i < c.in; i++)
			for (int64_t k = 0; k < 9; k++)
				dw[(o * c.in + i) * 9 + k] += scratch[(o * 9 + k) * c.in + i];
}
