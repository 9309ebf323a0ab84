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

#include "words.h"
#include "round.h"
#include "bias.h"
#include "layernorm.h"
#include "gelu.h"
#include "tile.h"
#include "attention.h"
#include "gather.h"
#include "patchify.h"
#include "unfold.h"
#include "batchnorm.h"
#include "avgpool.h"
#include "meantoken.h"
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
#undef X
};
