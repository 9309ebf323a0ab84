//go:build cuda

package cuda

/*
#include <stdlib.h>
#include "lt.h"
*/
import "C"

import (
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// workspaceBytes is what cuBLASLt may use beside a product's matrices: what the cuBLAS
// Library documentation recommends for sm_90, and no less on older cards.
const workspaceBytes = 32 << 20

// lt is cuBLASLt with what it chose: the first answer of its heuristic for each
// shape, rounded up, which hangs on the shape, the card and the library's version alone.
// Nothing is timed, so that a run takes the same algorithms each time.
type lt struct {
	library   unsafe.Pointer // nil without one
	missing   error          // why there is none
	handle    unsafe.Pointer
	workspace address

	// Of the caller's goroutine.
	plans map[C.lt_shape]*plan
	order []C.lt_shape
}

// A plan is for all products whose shapes round up to one.
type plan struct {
	chosen  C.lt_plan
	deep    bool // what is rounded is k, not m
	missing bool // cuBLASLt has no algorithm
	calls   int

	exact map[C.int64_t]*C.lt_plan // where the algorithm for the rounded shape does not do; of the queue's goroutine
}

// libraries are the places where a library of NVIDIA's may be, of the versions given, the best
// first; PAIRLOOM_LIBCUBLASLT and the like name the one to take.
func libraries(name string, versions ...string) []string {
	stem, _, _ := strings.Cut(name, ".")
	if path := os.Getenv("PAIRLOOM_" + strings.ToUpper(stem)); path != "" {
		return []string{path}
	}
	var paths []string
	for _, v := range versions {
		file := name + "." + v
		paths = append(paths, file) // where the linker looks, LD_LIBRARY_PATH included
		for _, root := range []string{os.Getenv("CUDA_HOME"), os.Getenv("CUDA_PATH"), "/usr/local/cuda"} {
			if root != "" {
				paths = append(paths, filepath.Join(root, "lib64", file))
			}
		}
		for _, root := range pythons() {
			found, _ := filepath.Glob(filepath.Join(root, "lib", "python3*", "*-packages", "nvidia", "*", "lib", file))
			paths = append(paths, found...)
		}
	}
	return paths
}

// pythons are the roots under which pip puts NVIDIA's wheels, as PyTorch brings them: of the
// Python that is active, of the one that is found first, and of the system's.
func pythons() []string {
	roots := []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")}
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(folder, "python3")); err == nil {
			roots = append(roots, filepath.Dir(filepath.Clean(folder)))
			break
		}
	}
	roots = append(roots, "/usr/local", "/usr")
	return slices.DeleteFunc(roots, func(root string) bool { return root == "" })
}

// openLibrary opens the first cuBLASLt that there is.
func openLibrary() (library unsafe.Pointer, path string, err error) {
	var faults []string
	versions := []string{"13", "12"}
	if Driver() < 13000 { // too old for 13, as far as it knows
		versions = []string{"12", "13"}
	}
	for _, path := range libraries("libcublasLt.so", versions...) {
		var why *C.char
		name := C.CString(path)
		library := C.lt_open(name, &why)
		C.free(unsafe.Pointer(name))
		if library != nil {
			return library, path, nil
		}
		faults = append(faults, C.GoString(why))
	}
	return nil, "", fmt.Errorf("cuBLASLt could not be opened (%s); install cuBLAS of CUDA 12 or 13 (pip install nvidia-cublas-cu12), or name its libcublasLt.so in PAIRLOOM_LIBCUBLASLT", strings.Join(faults, "; "))
}

// CUBLAS is the version of cuBLASLt as it counts it, such as 120901 for 12.9.1, and where it
// was found; or why there is none.
func CUBLAS() (version int, path string, err error) {
	library, path, err := openLibrary()
	if err != nil {
		return 0, "", err
	}
	defer C.lt_destroy(library, nil)
	return int(C.lt_version(library)), path, nil
}

// open runs on the queue's goroutine, with the card's context.
func (l *lt) open() error {
	l.plans = map[C.lt_shape]*plan{}
	if l.library, _, l.missing = openLibrary(); l.missing != nil {
		return nil // products go the slower way
	}
	return l.check(C.lt_create(l.library, &l.handle))
}

func (l *lt) close() {
	if l.library == nil {
		return
	}
	for _, p := range l.plans {
		C.lt_forget(l.library, &p.chosen)
		for _, q := range p.exact {
			C.lt_forget(l.library, q)
		}
	}
	C.lt_destroy(l.library, l.handle)
}

func (l *lt) check(status C.int) error {
	if status == 0 {
		return nil
	}
	return fmt.Errorf("cuBLASLt: %s", C.GoString(C.lt_status(l.library, status)))
}

// alignment is the power of two that divides a, up to 256.
func alignment(a address) C.uint32_t { return 1 << min(8, bits.TrailingZeros(uint(a|256))) }

func ltType(t device.Type) C.int32_t {
	if t == device.BF16 {
		return C.LT_BF16
	}
	return C.LT_F32
}

func truth(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}

// ltShape is p for cuBLASLt, whose matrices are column-major: what is a row here is a column
// there, so that c^t = op(b)^t op(a)^t is computed.
func (d *Device) ltShape(p product, f finish) C.lt_shape {
	compute := C.int32_t(C.LT_COMPUTE_32F)
	if p.in == device.F32 && d.options.TF32 {
		compute = C.LT_COMPUTE_32F_FAST_TF32
	}
	return C.lt_shape{
		rows: C.int64_t(p.n), cols: C.int64_t(p.m), depth: C.int64_t(p.k),
		left: C.int64_t(p.ldb), right: C.int64_t(p.lda), result: C.int64_t(p.ldc),
		left_stride: C.int64_t(p.strideB), right_stride: C.int64_t(p.strideA), result_stride: C.int64_t(p.strideC),
		transpose_left: truth(p.transB), transpose_right: truth(p.transA),
		in: ltType(p.in), out: ltType(p.out), compute: compute, bias: truth(f.bias != 0), batch: C.int32_t(p.batch),
		alignment: [4]C.uint32_t{alignment(p.b), alignment(p.a), alignment(f.plus), alignment(p.c)},
	}
}

// round is n rounded up to a 32nd of the power of two below it, and to 64 at least. Packed
// captions have another number of rows in nearly every batch: a choice for each would take
// a search of some 50 us and memory that grows, and so there are 32 for each doubling.
// Multiples of 32nds, such as 50 patches of a power of two of pictures, stay as they are.
func round(n int64) int64 {
	step := max(64, int64(1)<<(bits.Len64(uint64(n))-1)/32)
	return (n + step - 1) / step * step
}

// shared is the shape whose choice s takes: what varies from batch to batch, and has no
// part in how matrices lie, is rounded up. deep is set where that is the depth.
func shared(s C.lt_shape) (of C.lt_shape, deep bool) {
	deep = s.transpose_right != 0 && s.transpose_left == 0
	switch {
	case s.batch > 1: // lie too close for more
	case deep:
		s.depth = C.int64_t(round(int64(s.depth)))
	case s.transpose_right == 0:
		s.cols = C.int64_t(round(int64(s.cols)))
	}
	return s, deep
}

// taken is what lt_fit varies of a shape.
func taken(s C.lt_shape, deep bool) C.int64_t {
	if deep {
		return s.depth
	}
	return s.cols
}

// choose asks the heuristic for s.
func (l *lt) choose(s C.lt_shape, deep bool, to *C.lt_plan) C.int {
	status := C.lt_choose(l.library, l.handle, &s, pointer(l.workspace), workspaceBytes, to)
	to.taken = taken(s, deep)
	return status
}

// fit is p for the shape s: by its algorithm, or where that does not do, by the heuristic's
// for s itself.
func (l *lt) fit(p *plan, s C.lt_shape) (*C.lt_plan, C.int) {
	n := taken(s, p.deep)
	if q := p.exact[n]; q != nil {
		return q, 0
	}
	deep := C.int(truth(p.deep))
	if C.lt_fit(l.library, l.handle, &p.chosen, deep, n, workspaceBytes) == 0 {
		return &p.chosen, 0
	}
	q := new(C.lt_plan)
	if status := l.choose(s, p.deep, q); status != 0 {
		C.lt_forget(l.library, q)
		return nil, status
	}
	if p.exact == nil {
		p.exact = map[C.int64_t]*C.lt_plan{}
	}
	p.exact[n] = q
	return q, 0
}

// plan is what computes p with f, or nil where cuBLASLt does not.
func (d *Device) plan(op string, p product, f finish) *plan {
	l := &d.lt
	if l.library == nil || p.k == 0 || p.in == device.F32 && p.out == device.BF16 {
		return nil
	}
	shape, deep := shared(d.ltShape(p, f))
	chosen := l.plans[shape]
	if chosen == nil {
		chosen = &plan{deep: deep}
		l.plans[shape] = chosen
		l.order = append(l.order, shape)
		err := d.call(op, func() error {
			if l.workspace == 0 {
				var err error
				if l.workspace, err = d.allocate(workspaceBytes); err != nil {
					return err
				}
			}
			status := l.choose(shape, deep, &chosen.chosen)
			chosen.missing = status == C.LT_NOT_SUPPORTED
			if chosen.missing {
				return nil
			}
			return l.check(status)
		})
		if err != nil {
			d.fail(p.String(op), err) // nothing runs from here on
		}
	}
	chosen.calls++
	if chosen.missing {
		return nil
	}
	return chosen
}

// multiply enqueues p, + f.bias in each row, + p.beta times f.plus.
func (d *Device) multiply(op string, chosen *plan, p product, f finish) {
	d.queue <- command{op: op, what: p.String, run: func() error {
		l := &d.lt
		fitting, status := l.fit(chosen, d.ltShape(p, f))
		if status != 0 {
			return l.check(status)
		}
		return l.check(C.lt_run(l.library, l.handle, fitting, pointer(p.b), pointer(p.a), pointer(f.bias), C.float(p.beta), pointer(f.plus), pointer(p.c),
			pointer(l.workspace), workspaceBytes, unsafe.Pointer(d.work.C())))
	}}
}

// pointer is a as C sees it; Go never follows it.
func pointer(a address) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&a)) }

// An Algorithm is what computes the products of one shape, and of those that round up to it: in
// M, or in K where a is transposed and b is not.
type Algorithm struct {
	M, N, K, Batch int
	Layout         string // "nt": a as it is, b transposed
	Types          string // "bf16 -> f32"
	Choice         string // of cuBLASLt, or "own"
	Calls          int
}

// Algorithms are the choices made so far, in the order in which their shapes came.
func (d *Device) Algorithms() []Algorithm {
	var all []Algorithm
	names := map[C.int32_t]string{C.LT_F32: "f32", C.LT_BF16: "bf16"}
	letter := func(t C.int32_t) string { return []string{"n", "t"}[t] }
	for _, s := range d.lt.order {
		p := d.lt.plans[s]
		choice := "own"
		if !p.missing {
			var figures [5]C.int32_t
			C.lt_describe(d.lt.library, &p.chosen, &figures[0])
			choice = fmt.Sprintf("%d tile %d stages %d parts %d reduction %d", figures[0], figures[1], figures[2], figures[3], figures[4])
		}
		all = append(all, Algorithm{M: int(s.cols), N: int(s.rows), K: int(s.depth), Batch: int(s.batch), Layout: letter(s.transpose_right) + letter(s.transpose_left),
			Types: names[s.in] + " -> " + names[s.out], Choice: choice, Calls: p.calls})
	}
	return all
}
