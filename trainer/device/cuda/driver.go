//go:build cuda

package cuda

/*
#cgo LDFLAGS: -ldl
#include <cuda.h>

int pairloom_cuda_state(const char **why);

static CUresult keep_pool(CUdevice device) {
	CUmemoryPool pool;
	cuuint64_t all = ~(cuuint64_t)0;
	CUresult r = cuDeviceGetDefaultMemPool(&pool, device);
	return r ? r : cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &all);
}

static CUresult trim_pool(CUdevice device) {
	CUmemoryPool pool;
	CUresult r = cuDeviceGetDefaultMemPool(&pool, device);
	return r ? r : cuMemPoolTrimTo(pool, 0);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"gorgonia.org/cu"
)

// What cu lacks of the driver: memory in the stream's order, pinned memory, attributes
// of functions, and the text of an error.

// A driverError is what a function of the driver answered; cu has names for some.
type driverError int

const (
	outOfMemory       driverError = C.CUDA_ERROR_OUT_OF_MEMORY
	deviceUnavailable driverError = C.CUDA_ERROR_DEVICE_UNAVAILABLE
	noDevice          driverError = C.CUDA_ERROR_NO_DEVICE
	notReady          driverError = C.CUDA_ERROR_NOT_READY
	notFound          driverError = C.CUDA_ERROR_NOT_FOUND
	ptxTooNew         driverError = C.CUDA_ERROR_UNSUPPORTED_PTX_VERSION
	driverMismatch    driverError = C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
)

func (e driverError) Error() string {
	var name, text *C.char
	C.cuGetErrorName(C.CUresult(e), &name)
	C.cuGetErrorString(C.CUresult(e), &text)
	if name == nil || text == nil {
		return fmt.Sprintf("error %d of the CUDA driver", int(e))
	}
	return fmt.Sprintf("%s (%s)", C.GoString(text), C.GoString(name))
}

func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return driverError(r)
}

// plain makes an error of cu, whose type is cu's own, a driverError.
func plain(err error) error {
	if v := reflect.ValueOf(err); err != nil && v.Kind() == reflect.Int {
		return driverError(v.Int())
	}
	return err
}

// is reports whether err comes from that answer of the driver.
func is(err error, want driverError) bool {
	var e driverError
	return errors.As(err, &e) && e == want
}

// driverState is why the driver's library could not be opened, "" if it was, and what
// initialising it answered. The shim keeps it: see libcuda/shim.c.
func driverState() (string, error) {
	var why *C.char
	r := C.pairloom_cuda_state(&why)
	if why == nil {
		return "", result(C.CUresult(r))
	}
	return C.GoString(why), result(C.CUresult(r))
}

// keepPool keeps what is freed in the device's pool, for the next allocation.
func keepPool(d cu.Device) error { return result(C.keep_pool(C.CUdevice(d))) }

// trimPool gives back what is free in it: to what is not of the pool, such as kernels that
// are loaded, and to larger allocations than its pieces.
func trimPool(d cu.Device) error { return result(C.trim_pool(C.CUdevice(d))) }

func allocAsync(bytes int, s cu.Stream) (address, error) {
	var at C.CUdeviceptr
	err := result(C.cuMemAllocAsync(&at, C.size_t(bytes), C.CUstream(unsafe.Pointer(s.C()))))
	return address(at), err
}

func freeAsync(at address, s cu.Stream) error {
	return result(C.cuMemFreeAsync(C.CUdeviceptr(at), C.CUstream(unsafe.Pointer(s.C()))))
}

// pinned is memory of the host that copies may use while the program goes on.
func pinned(bytes int) ([]byte, error) {
	var at unsafe.Pointer
	if err := result(C.cuMemHostAlloc(&at, C.size_t(bytes), 0)); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(at), bytes), nil
}

// allowShared lets launches of f use so many bytes of dynamic shared memory.
func allowShared(f cu.Function, bytes int) error {
	return result(C.cuFuncSetAttribute(*(*C.CUfunction)(unsafe.Pointer(&f)), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)))
}
