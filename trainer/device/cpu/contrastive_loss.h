// The contrastive and the SigLIP loss over bands of the logits: products and
// the chosen kernels.
#ifndef PAIRLOOM_CONTRASTIVE_LOSS_H
#define PAIRLOOM_CONTRASTIVE_LOSS_H

#include <stdint.h>

// Rows of S that exist at a time.
enum { PL_BAND = 256 };

// Words of scratch for n pairs.
int64_t pl_contrastive_scratch(int64_t n);
void pl_contrastive(float *loss, float *lse, const float *x, const float *y, const float *scale, int64_t n, int64_t dim, float share, float *scratch);
void pl_contrastive_backward(float *dx, float *dy, float *dscale, const float *lse, const float *x, const float *y, const float *scale, int64_t n, int64_t dim, float share, float *scratch);
void pl_siglip(float *loss, const float *x, const float *y, const float *scale, const float *bias, int64_t n, int64_t dim, float *scratch);
void pl_siglip_backward(float *dx, float *dy, float *dscale, float *dbias, const float *x, const float *y, const float *scale, const float *bias, int64_t n, int64_t dim, float *scratch);

#endif
