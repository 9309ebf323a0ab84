#include "gemm.h"

#include "fault.h"
#include "memory.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace host {

static float load(const void *p, int type, int64_t i) {
	if (type == type_f32) return ((const float *)p)[i];
	uint32_t b = (uint32_t)((const uint16_t *)p)[i] << 16;
	float x;
	memcpy(&x, &b, 4);
	return x;
}

static void store(void *p, int type, int64_t i, float x) {
	if (type == type_f32) {
		((float *)p)[i] = x;
		return;
	}
	uint32_t b;
	memcpy(&b, &x, 4);
	((uint16_t *)p)[i] = (b & 0x7fffffffu) > 0x7f800000u ? (uint16_t)(b >> 16 | 0x40) : (uint16_t)((b + 0x7fffu + (b >> 16 & 1)) >> 16);
}

static int64_t index(const Matrix &m, int64_t row, int64_t col) { return m.row_major ? row * m.ld + col : col * m.ld + row; }

// Columns of the second factor that are summed at once, and rows of the first.
static const int width = 16, height = 4;

// sums[height][width] over k, from rows of the first factor and a panel of the second.
static void tile(float sums[height][width], const float *a, int64_t lda, const float *panel, int64_t k) {
	float s[height][width] = {};
	for (int64_t i = 0; i < k; i++)
		for (int r = 0; r < height; r++)
			for (int c = 0; c < width; c++) s[r][c] += a[r * lda + i] * panel[i * width + c];
	memcpy(sums, s, sizeof s);
}

static const char *who = "cublasLtMatmul";

// A matrix's lines lie apart where ld is more than a line's length: the gaps are not its own.
static bool check(const Matrix &m, const void *p, bool write) {
	int64_t size = m.type == type_f32 ? 4 : 2, lines = (int64_t)(m.row_major ? m.rows : m.cols), length = (int64_t)(m.row_major ? m.cols : m.rows);
	if (m.ld == length) length *= lines, lines = 1;
	for (int64_t i = 0; i < lines; i++) {
		char *at = (char *)p + i * m.ld * size;
		if (!(write ? check_write(who, at, (size_t)(length * size)) : check_read(who, at, (size_t)(length * size)))) return false;
	}
	return true;
}

static float gelu(float x) { return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x))); }

static bool run_one(const Product &p, const char *A, const char *B, const char *C, char *D, const char *bias, char *aux) {
	int64_t m = (int64_t)p.d.rows, n = (int64_t)p.d.cols, k = (int64_t)(p.trans_a ? p.a.rows : p.a.cols);
	if (!check(p.a, A, false) || !check(p.b, B, false) || (p.beta != 0 && !check(p.c, C, false))) return false;
	if (bias && !check_read(who, bias, (size_t)m * (p.bias_type == type_f32 ? 4 : 2))) return false;
	int64_t tall = (m + height - 1) / height * height;
	static std::vector<float> a, panel;
	a.assign((size_t)(tall * k), 0);
	for (int64_t i = 0; i < m; i++)
		for (int64_t l = 0; l < k; l++) a[(size_t)(i * k + l)] = load(A, p.a.type, p.trans_a ? index(p.a, l, i) : index(p.a, i, l));
	panel.resize((size_t)(width * k));
	Matrix aux_matrix = p.d;
	aux_matrix.ld = p.aux_ld;
	// All is summed before anything is stored, as D may be C.
	static std::vector<float> out;
	out.resize((size_t)(tall * width));
	for (int64_t j = 0; j < n; j += width) {
		for (int64_t l = 0; l < k; l++)
			for (int64_t c = 0; c < width; c++) panel[(size_t)(l * width + c)] = j + c < n ? load(B, p.b.type, p.trans_b ? index(p.b, j + c, l) : index(p.b, l, j + c)) : 0;
		for (int64_t i = 0; i < m; i += height) {
			float sums[height][width];
			tile(sums, a.data() + i * k, k, panel.data(), k);
			for (int64_t r = 0; r < height && i + r < m; r++)
				for (int64_t c = 0; c < width && j + c < n; c++) {
					float x = p.alpha * sums[r][c];
					if (p.beta != 0) x += p.beta * load(C, p.c.type, index(p.c, i + r, j + c));
					if (bias) x += load(bias, p.bias_type, i + r);
					if (aux) store(aux, p.d.type, index(aux_matrix, i + r, j + c), x);
					if (p.activation == Activation::relu && x < 0) x = 0;
					if (p.activation == Activation::gelu) x = gelu(x);
					store(D, p.d.type, index(p.d, i + r, j + c), x);
				}
		}
	}
	return check(p.d, D, true) && (!aux || check(aux_matrix, aux, true));
}

void run_product(const Product &p) {
	auto size = [](int type) { return type == type_f32 ? 4 : 2; };
	for (int64_t i = 0; i < p.d.batch; i++) {
		const char *bias = (const char *)p.bias;
		char *aux = (char *)p.aux;
		bool done = run_one(p, (const char *)p.A + i * p.a.stride * size(p.a.type), (const char *)p.B + i * p.b.stride * size(p.b.type), (const char *)p.C + i * p.c.stride * size(p.c.type),
			(char *)p.D + i * p.d.stride * size(p.d.type), bias ? bias + i * p.bias_stride * size(p.bias_type) : nullptr, aux ? aux + i * p.aux_stride * size(p.d.type) : nullptr);
		if (!done) return;
	}
}

} // namespace host
