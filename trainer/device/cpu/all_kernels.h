// All kernels in one instruction set. Each kernels_*.c sets the target, the
// number of float lanes of a register and the suffix, then includes this file
// once. Variants are whole translation units because code that OpenMP outlines
// takes the file's target, but not the target of the function it came from.
#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))

// A register of floats; in memory it needs no alignment.
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4)));

INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

#include "exp.h"
#include "normal.h"
#include "round.h"
#include "sums.h"
#include "tile.h"
#include "head.h"
#include "runningstats.h"

// Activations; see activations.h.
#define T float
#define TYPED(name) KERNEL(name)
#define F(x) (x)
#define L(p) (*(const lanes *)(p))
#define R(x) (x)
#include "activations.h"
#undef T
#undef TYPED
#undef F
#undef L
#undef R

#define T uint16_t
#define TYPED(name) KERNEL(name##_bf16)
#define F(x) widen(x)
#define L(p) widen_lanes(p)
#define R(x) narrow(x)
#include "activations.h"
#undef T
#undef TYPED
#undef F
#undef L
#undef R

#include "blend.h"
#include "poolsoftmax.h"
#include "normalize.h"
#include "scan.h"
#include "contrastive.h"
#include "siglip.h"
#include "crossentropy.h"
#include "adamw.h"

const pl_kernels KERNELS_TABLE = {
	.name = KERNELS_NAME,
	.attention_scratch = KERNEL(attention_scratch),
#define X(name, parameters, arguments) .name = KERNEL(name),
	PL_KERNELS(X)
	PL_ACTIVATIONS(X, float)
#undef X
#define X(name, parameters, arguments) .name##_bf16 = KERNEL(name##_bf16),
	PL_ACTIVATIONS(X, uint16_t)
#undef X
};
