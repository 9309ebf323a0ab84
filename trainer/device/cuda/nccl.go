//go:build cuda

package cuda

/*
#include <dlfcn.h>
#include <stdlib.h>

static const char *nccl_version(const char *path, int *version) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) return dlerror();
	int (*get)(int *) = (int (*)(int *))dlsym(library, "ncclGetVersion");
	const char *fault = get && !get(version) ? NULL : "ncclGetVersion does not answer";
	dlclose(library);
	return fault;
}
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"
)

// NCCL is the version of the library for several cards as it counts it, such as 22703 for
// 2.27.3, and where it was found; or why there is none.
func NCCL() (version int, path string, err error) {
	var faults []string
	for _, path := range libraries("libnccl.so", "2") {
		var v C.int
		name := C.CString(path)
		fault := C.nccl_version(name, &v)
		C.free(unsafe.Pointer(name))
		if fault == nil {
			return int(v), path, nil
		}
		faults = append(faults, C.GoString(fault))
	}
	return 0, "", fmt.Errorf("NCCL could not be opened (%s); install it (pip install nvidia-nccl-cu12), or name its libnccl.so in PAIRLOOM_LIBNCCL", strings.Join(faults, "; "))
}
