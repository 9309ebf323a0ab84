// The kernels of activations of one type. all_kernels.h includes this file once
// a type, after it has set
//   T            the type in memory,
//   TYPED(name)  the name of a kernel for it,
//   F(x)         an element as a float, L(p) LANES of them,
//   R(x)         a float rounded to an element.
// What they compute, they compute in float, the same for every type.
#include "words.h"
#include "pixels.h"
#include "bias.h"
#include "layernorm.h"
#include "gelu.h"
#include "attention.h"
#include "gather.h"
#include "patchify.h"
#include "unfold.h"
#include "batchnorm.h"
#include "avgpool.h"
#include "meantoken.h"
