//go:build cuda

#include "lt.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { DESC_TRANSA = 3, DESC_TRANSB = 4, DESC_EPILOGUE = 7, DESC_BIAS_POINTER = 8 };
enum { LAYOUT_COLS = 3, LAYOUT_BATCH_COUNT = 5, LAYOUT_STRIDED_BATCH_OFFSET = 6 };
enum { PREF_MAX_WORKSPACE_BYTES = 1, PREF_REDUCTION_SCHEME_MASK = 3, PREF_MIN_ALIGNMENT_A_BYTES = 5 };
enum { EPILOGUE_DEFAULT = 1, EPILOGUE_BIAS = 4 };
// Parts of k go to the workspace in f32 and are added in order. The other schemes add in the
// result: in its type, which rounds each time, or in whichever order parts are done.
enum { REDUCTION_COMPUTE_TYPE = 2 };
enum { CONFIG_ID = 0, CONFIG_TILE_ID = 1, CONFIG_SPLITK_NUM = 2, CONFIG_REDUCTION_SCHEME = 3, CONFIG_STAGES_ID = 6 };

typedef struct {
	lt_algorithm algorithm;
	size_t workspace;
	int state;
	float waves;
	int reserved[4];
} heuristic;

typedef struct {
	void *library;
	int (*create)(void **);
	int (*destroy)(void *);
	size_t (*version)(void);
	const char *(*status)(int);
	int (*desc_create)(void **, int, int);
	int (*desc_destroy)(void *);
	int (*desc_set)(void *, int, const void *, size_t);
	int (*layout_create)(void **, int, uint64_t, uint64_t, int64_t);
	int (*layout_destroy)(void *);
	int (*layout_set)(void *, int, const void *, size_t);
	int (*pref_create)(void **);
	int (*pref_destroy)(void *);
	int (*pref_set)(void *, int, const void *, size_t);
	int (*heuristics)(void *, void *, void *, void *, void *, void *, void *, int, heuristic *, int *);
	int (*matmul)(void *, void *, const void *, const void *, void *, const void *, void *, const void *, const void *, void *, void *, void *, const lt_algorithm *, void *, size_t, void *);
	int (*check)(void *, void *, void *, void *, void *, void *, const lt_algorithm *, heuristic *);
	int (*config)(const lt_algorithm *, int, void *, size_t, size_t *);
} functions;

void *lt_open(const char *path, const char **why) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		*why = dlerror();
		return NULL;
	}
	functions f = {.library = library};
	const struct {
		const char *name;
		void **to;
	} names[] = {
		{"cublasLtCreate", (void **)&f.create},
		{"cublasLtDestroy", (void **)&f.destroy},
		{"cublasLtGetVersion", (void **)&f.version},
		{"cublasLtGetStatusString", (void **)&f.status},
		{"cublasLtMatmulDescCreate", (void **)&f.desc_create},
		{"cublasLtMatmulDescDestroy", (void **)&f.desc_destroy},
		{"cublasLtMatmulDescSetAttribute", (void **)&f.desc_set},
		{"cublasLtMatrixLayoutCreate", (void **)&f.layout_create},
		{"cublasLtMatrixLayoutDestroy", (void **)&f.layout_destroy},
		{"cublasLtMatrixLayoutSetAttribute", (void **)&f.layout_set},
		{"cublasLtMatmulPreferenceCreate", (void **)&f.pref_create},
		{"cublasLtMatmulPreferenceDestroy", (void **)&f.pref_destroy},
		{"cublasLtMatmulPreferenceSetAttribute", (void **)&f.pref_set},
		{"cublasLtMatmulAlgoGetHeuristic", (void **)&f.heuristics},
		{"cublasLtMatmul", (void **)&f.matmul},
		{"cublasLtMatmulAlgoCheck", (void **)&f.check},
		{"cublasLtMatmulAlgoConfigGetAttribute", (void **)&f.config},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		*names[i].to = dlsym(library, names[i].name);
		if (!*names[i].to) {
			*why = dlerror();
			dlclose(library);
			return NULL;
		}
	}
	functions *kept = malloc(sizeof f);
	*kept = f;
	return kept;
}

int lt_create(void *library, void **handle) { return ((functions *)library)->create(handle); }

void lt_destroy(void *library, void *handle) {
	functions *f = library;
	if (handle) f->destroy(handle);
	free(f); // the library stays: to open it again is cheap, and others may use it
}

size_t lt_version(void *library) { return ((functions *)library)->version(); }
const char *lt_status(void *library, int status) { return ((functions *)library)->status(status); }

#define TRY(call) \
	do { \
		int status = (call); \
		if (status) return status; \
	} while (0)

static int layout(functions *f, void **to, int type, int64_t rows, int64_t cols, int64_t ld, int32_t batch, int64_t stride) {
	TRY(f->layout_create(to, type, (uint64_t)rows, (uint64_t)cols, ld));
	if (batch > 1) {
		TRY(f->layout_set(*to, LAYOUT_BATCH_COUNT, &batch, sizeof batch));
		TRY(f->layout_set(*to, LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride));
	}
	return 0;
}

static int search(functions *f, void *handle, const lt_shape *s, uint64_t workspace, lt_plan *p, void *preference) {
	uint32_t reduction = REDUCTION_COMPUTE_TYPE;
	TRY(f->pref_set(preference, PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace));
	TRY(f->pref_set(preference, PREF_REDUCTION_SCHEME_MASK, &reduction, sizeof reduction));
	for (int i = 0; i < 4; i++) TRY(f->pref_set(preference, PREF_MIN_ALIGNMENT_A_BYTES + i, &s->alignment[i], sizeof s->alignment[i]));
	heuristic first;
	int found = 0;
	TRY(f->heuristics(handle, p->operation, p->left, p->right, p->result, p->result, preference, 1, &first, &found));
	if (!found) return LT_NOT_SUPPORTED;
	TRY(first.state);
	p->algorithm = first.algorithm;
	p->workspace = first.workspace;
	return 0;
}

int lt_choose(void *library, void *handle, const lt_shape *s, void *workspace, size_t bytes, lt_plan *p) {
	functions *f = library;
	memset(p, 0, sizeof *p);
	int32_t epilogue = s->bias ? EPILOGUE_BIAS : EPILOGUE_DEFAULT;
	TRY(f->desc_create(&p->operation, s->compute, LT_F32));
	TRY(f->desc_set(p->operation, DESC_TRANSA, &s->transpose_left, sizeof(int32_t)));
	TRY(f->desc_set(p->operation, DESC_TRANSB, &s->transpose_right, sizeof(int32_t)));
	TRY(f->desc_set(p->operation, DESC_EPILOGUE, &epilogue, sizeof epilogue));
	// Any address does until lt_run has the bias: none at all might be taken for a fault.
	if (s->bias) TRY(f->desc_set(p->operation, DESC_BIAS_POINTER, &workspace, sizeof workspace));
	TRY(layout(f, &p->left, s->in, s->transpose_left ? s->depth : s->rows, s->transpose_left ? s->rows : s->depth, s->left, s->batch, s->left_stride));
	TRY(layout(f, &p->right, s->in, s->transpose_right ? s->cols : s->depth, s->transpose_right ? s->depth : s->cols, s->right, s->batch, s->right_stride));
	TRY(layout(f, &p->result, s->out, s->rows, s->cols, s->result, s->batch, s->result_stride));
	void *preference;
	TRY(f->pref_create(&preference));
	int status = search(f, handle, s, bytes, p, preference);
	f->pref_destroy(preference);
	return status;
}

int lt_fit(void *library, void *handle, lt_plan *p, int deep, int64_t taken, size_t bytes) {
	functions *f = library;
	if (p->taken == taken) return 0;
	p->taken = 0;
	uint64_t columns = (uint64_t)taken;
	TRY(f->layout_set(p->right, LAYOUT_COLS, &columns, sizeof columns));
	TRY(f->layout_set(deep ? p->left : p->result, LAYOUT_COLS, &columns, sizeof columns));
	heuristic checked;
	TRY(f->check(handle, p->operation, p->left, p->right, p->result, p->result, &p->algorithm, &checked));
	if (checked.workspace > bytes) return LT_NOT_SUPPORTED;
	p->taken = taken;
	return 0;
}

void lt_forget(void *library, lt_plan *p) {
	functions *f = library;
	if (p->operation) f->desc_destroy(p->operation);
	if (p->left) f->layout_destroy(p->left);
	if (p->right) f->layout_destroy(p->right);
	if (p->result) f->layout_destroy(p->result);
}

int lt_run(void *library, void *handle, const lt_plan *p, const void *left, const void *right, const void *bias, float beta, const void *c, void *d, void *workspace, size_t bytes, void *stream) {
	functions *f = library;
	float alpha = 1;
	if (bias) TRY(f->desc_set(p->operation, DESC_BIAS_POINTER, &bias, sizeof bias));
	return f->matmul(handle, p->operation, &alpha, left, p->left, right, p->right, &beta, c, p->result, d, p->result, &p->algorithm, workspace, bytes, stream);
}

void lt_describe(void *library, const lt_plan *p, int32_t figures[5]) {
	functions *f = library;
	static const int wanted[5] = {CONFIG_ID, CONFIG_TILE_ID, CONFIG_STAGES_ID, CONFIG_SPLITK_NUM, CONFIG_REDUCTION_SCHEME};
	for (int i = 0; i < 5; i++) {
		size_t written;
		figures[i] = -1;
		f->config(&p->algorithm, wanted[i], &figures[i], sizeof figures[i], &written);
	}
}
