package main

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
//
// // NVRTC's functions that are called, with the types of its documentation.
// typedef struct {
// 	int (*create)(void **program, const char *source, const char *name, int headers, const char *const *texts, const char *const *names);
// 	int (*compile)(void *program, int options, const char *const *option);
// 	int (*log_size)(void *program, size_t *bytes);
// 	int (*log)(void *program, char *text);
// 	int (*ptx_size)(void *program, size_t *bytes);
// 	int (*ptx)(void *program, char *text);
// 	int (*destroy)(void **program);
// } nvrtc;
//
// static const char *open_nvrtc(const char *path, nvrtc *f) {
// 	void *l = dlopen(path, RTLD_NOW | RTLD_LOCAL);
// 	if (!l) return dlerror();
// 	*(void **)&f->create = dlsym(l, "nvrtcCreateProgram");
// 	*(void **)&f->compile = dlsym(l, "nvrtcCompileProgram");
// 	*(void **)&f->log_size = dlsym(l, "nvrtcGetProgramLogSize");
// 	*(void **)&f->log = dlsym(l, "nvrtcGetProgramLog");
// 	*(void **)&f->ptx_size = dlsym(l, "nvrtcGetPTXSize");
// 	*(void **)&f->ptx = dlsym(l, "nvrtcGetPTX");
// 	*(void **)&f->destroy = dlsym(l, "nvrtcDestroyProgram");
// 	return f->create && f->compile && f->log_size && f->log && f->ptx_size && f->ptx && f->destroy ? 0 : "it lacks functions of NVRTC";
// }
//
// // Compiles source. What comes back is PTX, or with a result other than 0 the
// // compiler's messages; free it.
// static char *compile(nvrtc *f, const char *source, const char *name, int options, const char *const *option, int *result) {
// 	void *program = 0;
// 	size_t bytes = 0;
// 	*result = f->create(&program, source, name, 0, 0, 0);
// 	if (*result) return 0;
// 	*result = f->compile(program, options, option);
// 	if (*result ? f->log_size(program, &bytes) : f->ptx_size(program, &bytes)) bytes = 0;
// 	char *text = calloc(bytes + 1, 1);
// 	if (bytes) *result ? f->log(program, text) : f->ptx(program, text);
// 	f->destroy(&program);
// 	return text;
// }
import "C"

import (
	"fmt"
	"unsafe"
)

// nvrtc is NVIDIA's run-time compiler, opened.
type nvrtc struct{ functions C.nvrtc }

// openNVRTC opens the library at path.
func openNVRTC(path string) (*nvrtc, error) {
	n := new(nvrtc)
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	if why := C.open_nvrtc(p, &n.functions); why != nil {
		return nil, fmt.Errorf("open NVRTC: %s: run go generate ./trainer/device/cuda, which fetches it", C.GoString(why))
	}
	return n, nil
}

// compile turns the CUDA C++ of source, called name in messages, into PTX.
func (n *nvrtc) compile(source, name string, options ...string) (string, error) {
	s, nm := C.CString(source), C.CString(name)
	defer C.free(unsafe.Pointer(s))
	defer C.free(unsafe.Pointer(nm))
	list := make([]*C.char, len(options))
	for i, o := range options {
		list[i] = C.CString(o)
		defer C.free(unsafe.Pointer(list[i]))
	}
	// The list holds pointers of C alone, so C may read it.
	var result C.int
	text := C.compile(&n.functions, s, nm, C.int(len(list)), &list[0], &result)
	defer C.free(unsafe.Pointer(text))
	if result != 0 {
		return "", fmt.Errorf("compile %s: NVRTC says %d:\n%s", name, result, C.GoString(text))
	}
	return C.GoString(text), nil
}
