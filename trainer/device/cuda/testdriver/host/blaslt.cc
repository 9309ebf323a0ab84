// cuBLASLt's functions: descriptors, the choice of an algorithm (there is one), and
// products, which go into the stream as launches do.
#include "api.h"

#include "gemm.h"
#include "memory.h"

#include <cmath>
#include <cstring>

using namespace host;

namespace {

// cublasStatus_t.
enum { success = 0, not_initialized = 1, invalid_value = 7, execution_failed = 13, not_supported = 15 };

struct Desc {
	int32_t compute, scale, pointer_mode, trans_a, trans_b, epilogue, bias_type;
	const void *bias;
	int64_t bias_stride;
	void *aux;
	int64_t aux_ld, aux_stride;
};

struct Preference {
	uint64_t workspace;
	uint32_t alignment[4]; // of A, B, C, D
};

struct Algorithm {
	uint64_t magic, workspace;
	uint32_t alignment[4];
	uint64_t unused[4];
};
static_assert(sizeof(Algorithm) == 64, "cublasLtMatmulAlgo_t");

struct Heuristic {
	Algorithm algorithm;
	size_t workspace;
	int state;
	float waves;
	int reserved[4];
};

const uint64_t magic = 0x706169726c6f6f6d;

// Reads or writes an attribute of so many bytes.
int attribute(void *field, size_t size, void *to, const void *from, size_t bytes, size_t *written) {
	if (from) {
		if (bytes != size) return refuse(invalid_value, "cublasLt: an attribute of %zu bytes where it has %zu", bytes, size);
		memcpy(field, from, size);
		return success;
	}
	if (written) *written = size;
	if (bytes < size) return bytes ? invalid_value : success;
	memcpy(to, field, size);
	return success;
}
#define FIELD(x) return attribute(&(x), sizeof(x), to, from, bytes, written)

int desc_attribute(Desc *d, int a, void *to, const void *from, size_t bytes, size_t *written) {
	switch (a) {
	case 0: FIELD(d->compute);
	case 1: FIELD(d->scale);
	case 2: FIELD(d->pointer_mode);
	case 3: FIELD(d->trans_a);
	case 4: FIELD(d->trans_b);
	case 7: FIELD(d->epilogue);
	case 8: FIELD(d->bias);
	case 10: FIELD(d->bias_stride);
	case 11: FIELD(d->aux);
	case 12: FIELD(d->aux_ld);
	case 13: FIELD(d->aux_stride);
	case 26: FIELD(d->bias_type);
	}
	return refuse(invalid_value, "cublasLtMatmulDescSetAttribute: the test driver does not know attribute %d", a);
}

int layout_attribute(Matrix *m, int a, void *to, const void *from, size_t bytes, size_t *written) {
	int32_t order = m->row_major;
	switch (a) {
	case 0: FIELD(m->type);
	case 1: {
		int code = attribute(&order, 4, to, from, bytes, written);
		if (code) return code;
		if (order != 0 && order != 1) return refuse(invalid_value, "cublasLt: order %d", order);
		m->row_major = order == 1;
		return success;
	}
	case 2: FIELD(m->rows);
	case 3: FIELD(m->cols);
	case 4: FIELD(m->ld);
	case 5: FIELD(m->batch);
	case 6: FIELD(m->stride);
	}
	return refuse(invalid_value, "cublasLtMatrixLayoutSetAttribute: the test driver does not know attribute %d", a);
}

int preference_attribute(Preference *p, int a, void *to, const void *from, size_t bytes, size_t *written) {
	uint32_t unused = 0;
	switch (a) {
	case 0: case 3: case 12: FIELD(unused);
	case 1: FIELD(p->workspace);
	case 5: case 6: case 7: case 8: FIELD(p->alignment[a - 5]);
	}
	return refuse(invalid_value, "cublasLtMatmulPreferenceSetAttribute: the test driver does not know attribute %d", a);
}

bool fits(const Matrix &m) { return m.ld >= (int64_t)(m.row_major ? m.cols : m.rows) && m.rows && m.cols; }

// Whether the library has this product, and whether it is one at all.
int judge(const Desc &d, const Matrix &a, const Matrix &b, const Matrix &c, const Matrix &out) {
	uint64_t m = d.trans_a ? a.cols : a.rows, k = d.trans_a ? a.rows : a.cols, n = d.trans_b ? b.rows : b.cols;
	if (!fits(a) || !fits(b) || !fits(c) || !fits(out)) return refuse(invalid_value, "cublasLt: a leading dimension shorter than a line, or an empty matrix");
	if (k != (d.trans_b ? b.cols : b.rows) || out.rows != m || out.cols != n || c.rows != m || c.cols != n)
		return refuse(invalid_value, "cublasLt: shapes [%zu,%zu] x [%zu,%zu] -> [%zu,%zu]", (size_t)m, (size_t)k, (size_t)(d.trans_b ? b.cols : b.rows), (size_t)n, (size_t)out.rows, (size_t)out.cols);
	if (a.batch != out.batch || b.batch != out.batch || c.batch != out.batch) return refuse(invalid_value, "cublasLt: batches of %d, %d, %d and %d", a.batch, b.batch, c.batch, out.batch);
	bool wide = a.type == type_f32 && b.type == type_f32 && out.type == type_f32;
	bool half = a.type == type_bf16 && b.type == type_bf16 && (out.type == type_f32 || out.type == type_bf16);
	// CUBLAS_COMPUTE_32F, _PEDANTIC, _FAST_TF32.
	bool compute = d.compute == 68 || d.compute == 69 || (d.compute == 77 && wide);
	if (!(wide || half) || c.type != out.type || !compute || d.scale != type_f32)
		return refuse(not_supported, "cublasLt: types %d x %d -> %d and %d, compute %d, scale %d", a.type, b.type, c.type, out.type, d.compute, d.scale);
	int e = d.epilogue & ~128;
	if (e != 1 && e != 2 && e != 4 && e != 6 && e != 32 && e != 36) return refuse(not_supported, "cublasLt: epilogue %d", d.epilogue);
	// The table of types has a bias of the result's type alone.
	if ((d.epilogue & 4) && (d.bias_type == -1 ? out.type : d.bias_type) != out.type) return refuse(not_supported, "cublasLt: a bias of type %d to a result of %d", d.bias_type, out.type);
	if (d.epilogue != 1 && out.row_major) return refuse(not_supported, "cublasLt: an epilogue of a row-major result");
	if ((d.epilogue & 128) && (d.aux_ld % 8 || d.aux_ld < (int64_t)m)) return refuse(not_supported, "cublasLt: the leading dimension %lld of what goes into the activation: multiples of 8", (long long)d.aux_ld);
	return success;
}

uint32_t alignment_of(const void *p) {
	uintptr_t x = (uintptr_t)p;
	return x & 255 ? (uint32_t)(x & -x & 255) : 256;
}

} // namespace

#define LOCK std::lock_guard<std::recursive_mutex> guard(big)

API size_t cublasLtGetVersion() { return 120900; }
API size_t cublasLtGetCudartVersion() { return 12090; }
API const char *cublasLtGetStatusString(int status) { return status == success ? "success" : fault_text; }
API const char *cublasLtGetStatusName(int status) {
	switch (status) {
	case success: return "CUBLAS_STATUS_SUCCESS";
	case not_initialized: return "CUBLAS_STATUS_NOT_INITIALIZED";
	case invalid_value: return "CUBLAS_STATUS_INVALID_VALUE";
	case execution_failed: return "CUBLAS_STATUS_EXECUTION_FAILED";
	case not_supported: return "CUBLAS_STATUS_NOT_SUPPORTED";
	}
	return "CUBLAS_STATUS_INTERNAL_ERROR";
}

API int cublasLtCreate(void **handle) {
	LOCK;
	if (int code = fail("cublasLtCreate")) return code;
	if (enter()) return not_initialized;
	*handle = new char;
	return success;
}
API int cublasLtDestroy(void *handle) {
	delete (char *)handle;
	return success;
}

API int cublasLtMatmulDescCreate(void **desc, int compute, int scale) {
	*desc = new Desc{compute, scale, 0, 0, 0, 1, -1, nullptr, 0, nullptr, 0, 0};
	return success;
}
API int cublasLtMatmulDescDestroy(void *desc) {
	delete (Desc *)desc;
	return success;
}
API int cublasLtMatmulDescSetAttribute(void *desc, int a, const void *from, size_t bytes) { return desc_attribute((Desc *)desc, a, nullptr, from, bytes, nullptr); }
API int cublasLtMatmulDescGetAttribute(void *desc, int a, void *to, size_t bytes, size_t *written) { return desc_attribute((Desc *)desc, a, to, nullptr, bytes, written); }

API int cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows, uint64_t cols, int64_t ld) {
	*layout = new Matrix{type, false, rows, cols, ld, 1, 0};
	return success;
}
API int cublasLtMatrixLayoutDestroy(void *layout) {
	delete (Matrix *)layout;
	return success;
}
API int cublasLtMatrixLayoutSetAttribute(void *layout, int a, const void *from, size_t bytes) { return layout_attribute((Matrix *)layout, a, nullptr, from, bytes, nullptr); }
API int cublasLtMatrixLayoutGetAttribute(void *layout, int a, void *to, size_t bytes, size_t *written) { return layout_attribute((Matrix *)layout, a, to, nullptr, bytes, written); }

API int cublasLtMatmulPreferenceCreate(void **preference) {
	*preference = new Preference{0, {256, 256, 256, 256}};
	return success;
}
API int cublasLtMatmulPreferenceDestroy(void *preference) {
	delete (Preference *)preference;
	return success;
}
API int cublasLtMatmulPreferenceSetAttribute(void *p, int a, const void *from, size_t bytes) { return preference_attribute((Preference *)p, a, nullptr, from, bytes, nullptr); }
API int cublasLtMatmulPreferenceGetAttribute(void *p, int a, void *to, size_t bytes, size_t *written) { return preference_attribute((Preference *)p, a, to, nullptr, bytes, written); }

API int cublasLtMatmulAlgoGetHeuristic(void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted, void *results, int *found) {
	LOCK;
	*found = 0;
	if (!handle || !desc || !a || !b || !c || !d || !preference || wanted < 1) return refuse(invalid_value, "cublasLtMatmulAlgoGetHeuristic: a null argument");
	if (int code = judge(*(Desc *)desc, *(Matrix *)a, *(Matrix *)b, *(Matrix *)c, *(Matrix *)d)) return code;
	const Preference &p = *(Preference *)preference;
	Heuristic h = {};
	h.algorithm = Algorithm{magic, p.workspace < 4096 ? p.workspace : 4096, {p.alignment[0], p.alignment[1], p.alignment[2], p.alignment[3]}, {}};
	h.workspace = h.algorithm.workspace;
	h.waves = 1;
	memcpy(results, &h, sizeof h);
	*found = 1;
	return success;
}

API int cublasLtMatmulAlgoCheck(void *handle, void *desc, void *a, void *b, void *c, void *d, const void *algorithm, void *result) {
	LOCK;
	if (int code = fail("cublasLtMatmulAlgoCheck")) return code;
	if (!handle || !desc || !a || !b || !c || !d || !algorithm || !result) return refuse(invalid_value, "cublasLtMatmulAlgoCheck: a null argument");
	if (int code = judge(*(Desc *)desc, *(Matrix *)a, *(Matrix *)b, *(Matrix *)c, *(Matrix *)d)) return code;
	Heuristic h = {};
	h.algorithm = *(const Algorithm *)algorithm;
	if (h.algorithm.magic != magic) return refuse(invalid_value, "cublasLtMatmulAlgoCheck: an algorithm that no heuristic gave");
	h.workspace = h.algorithm.workspace;
	h.waves = 1;
	memcpy(result, &h, sizeof h);
	return success;
}

// Of the algorithm there is: number 1, and nothing to say of tiles, stages and parts of k.
API int cublasLtMatmulAlgoConfigGetAttribute(const void *algorithm, int a, void *to, size_t bytes, size_t *written) {
	uint32_t value = a == 0 || a == 2;
	if (((const Algorithm *)algorithm)->magic != magic) return refuse(invalid_value, "cublasLtMatmulAlgoConfigGetAttribute: an algorithm that no heuristic gave");
	return attribute(&value, sizeof value, to, nullptr, bytes, written);
}

API int cublasLtMatmul(void *handle, void *desc, const void *alpha, const void *A, void *a, const void *B, void *b, const void *beta, const void *C, void *c, void *D, void *d, const void *algorithm, void *workspace, size_t workspace_bytes, void *stream) {
	LOCK;
	if (enter()) return execution_failed;
	if (int code = fail("cublasLtMatmul")) return code;
	Stream *s = stream_of(stream);
	if (!s || !handle || !desc || !alpha || !beta || !A || !B || !D || !a || !b || !c || !d) return refuse(invalid_value, "cublasLtMatmul: a null argument");
	const Desc &e = *(Desc *)desc;
	Product p = {};
	p.a = *(Matrix *)a, p.b = *(Matrix *)b, p.c = *(Matrix *)c, p.d = *(Matrix *)d;
	if (int code = judge(e, p.a, p.b, p.c, p.d)) return code;
	if (e.pointer_mode) return refuse(not_supported, "cublasLtMatmul: the test driver has alpha and beta on the host alone");
	p.trans_a = e.trans_a, p.trans_b = e.trans_b;
	p.alpha = *(const float *)alpha, p.beta = *(const float *)beta;
	p.A = A, p.B = B, p.C = C, p.D = D;
	if (p.beta != 0 && !C) return refuse(invalid_value, "cublasLtMatmul: no C");
	if (C == D && memcmp(&p.c, &p.d, sizeof p.c)) return refuse(invalid_value, "cublasLtMatmul: in place with two layouts");
	const void *pointers[4] = {A, B, C ? C : D, D};
	const Matrix *matrices[4] = {&p.a, &p.b, &p.c, &p.d};
	if (algorithm) {
		const Algorithm &chosen = *(const Algorithm *)algorithm;
		if (chosen.magic != magic) return refuse(invalid_value, "cublasLtMatmul: an algorithm that no heuristic gave");
		if (workspace_bytes < chosen.workspace) return refuse(invalid_value, "cublasLtMatmul: %zu bytes of workspace where the algorithm needs %zu", workspace_bytes, (size_t)chosen.workspace);
		for (int i = 0; i < 4; i++)
			if (alignment_of(pointers[i]) < chosen.alignment[i]) return refuse(not_supported, "cublasLtMatmul: %c is aligned to %u bytes, the algorithm was chosen for %u", "ABCD"[i], alignment_of(pointers[i]), chosen.alignment[i]);
	}
	for (int i = 0; i < 4; i++)
		if (alignment_of(pointers[i]) < (matrices[i]->type == type_f32 ? 4 : 2)) return refuse(invalid_value, "cublasLtMatmul: %c lies across elements", "ABCD"[i]);
	if (e.epilogue & 4) p.bias = e.bias;
	if ((e.epilogue & 4) && !e.bias) return refuse(invalid_value, "cublasLtMatmul: no bias");
	// No preference tells the alignment of a bias, and some algorithms read it 16 bytes at a time.
	if (p.bias && alignment_of(p.bias) < 16) return refuse(invalid_value, "cublasLtMatmul: the bias is aligned to %u bytes", alignment_of(p.bias));
	p.bias_type = e.bias_type == -1 ? p.d.type : e.bias_type;
	p.bias_stride = e.bias_stride;
	p.activation = e.epilogue & 32 ? Activation::gelu : e.epilogue & 2 ? Activation::relu : Activation::none;
	if (e.epilogue & 128) p.aux = e.aux;
	p.aux_ld = e.aux_ld, p.aux_stride = e.aux_stride;
	size_t used = algorithm && workspace ? ((const Algorithm *)algorithm)->workspace : 0;
	enqueue(s, Work{[=] {
		// What the algorithm asked for is the library's to overwrite.
		if (used && check_write("cublasLtMatmul's workspace", workspace, used)) memset(workspace, 0xff, used);
		if (!sticky) run_product(p);
	}});
	return success;
}
