// Matrix products whose factors are bfloat16 and whose result is float32.
#ifndef PAIRLOOM_MATMUL_BF16_H
#define PAIRLOOM_MATMUL_BF16_H

#include <stdint.h>

#include "onednn.h"

// pl_bf16_available says whether the processor multiplies bfloat16.
int pl_bf16_available(void);

// pl_matmul_bf16 computes c[m,n] = op(a) op(b) + beta c and returns oneDNN's
// status.
int pl_matmul_bf16(pl_onednn o, float *c, const uint16_t *a, const uint16_t *b, int64_t m, int64_t n, int64_t k, int trans_a, int trans_b, float beta);

#endif
