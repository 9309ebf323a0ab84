package cpu

/*
#cgo CFLAGS: -O3 -fopenmp -Wall
#cgo LDFLAGS: -lgomp -lm
#include <stdlib.h>
#include <omp.h>
#include "kernels.h"
#include "memory.h"
#include "product.h"
#include "waiting.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// queueLength is the number of commands that may wait: more than a step of a
// deep model has, so that the host runs ahead.
const queueLength = 4096

// Device is the CPU backend.
type Device struct {
	queue    chan command
	reply    chan error
	progress device.Progress
	threads  int
	held     atomic.Int64 // bytes of C memory

	// The rest belongs to the queue's goroutine.
	fault       error
	scratch     unsafe.Pointer
	scratchSize int
	shares      map[uintptr]*Share
	idle        Share // between operations
}

var _ device.Device = (*Device)(nil)

// A command is one operation with its arguments; which of them are set is for
// the operation to know.
type command struct {
	run    func(d *Device, c *command)
	t      device.Type // of the activations
	to     device.Type // of a product's result
	p      [9]unsafe.Pointer
	n      [4]int
	f      [2]float32
	flags  [2]bool
	shape  device.AttentionShape
	adamw  device.AdamW
	floats []float32
	ints   []int32
	bytes  []byte
	mark   device.Mark
	pixels device.Normalization
	wait   bool
	always bool // after a fault, too
}

// bf16 tells the kernels of which type the activations are.
func (c *command) bf16() C.int { return cBool(c.t == device.BF16) }

// Open starts a device with the given number of threads; 0 means one a
// processor.
func Open(threads int) *Device { return open(threads, 0) }

// Kernels are the sets there are, the best first.
var Kernels = []string{"avx512", "avx2", "plain"}

// OpenKernels is Open with the best kernels that a processor with no more than
// the named set has, so that the speed of one can be measured on another.
func OpenKernels(threads int, kernels string) (*Device, error) {
	level := slices.Index(Kernels, kernels)
	if level < 0 {
		return nil, fmt.Errorf("no kernels are called %q; there are %s", kernels, strings.Join(Kernels, ", "))
	}
	return open(threads, level), nil
}

// MultipliesBF16 reports whether products of bfloat16 are faster than those of
// float32. Elsewhere they are computed in float32, from factors of half the size.
func MultipliesBF16() bool { return C.pl_bf16_available() != 0 }

func open(threads, level int) *Device {
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	d := &Device{queue: make(chan command, queueLength), reply: make(chan error, 1), progress: device.NewProgress(), threads: threads, shares: map[uintptr]*Share{}}
	started := make(chan struct{})
	go d.serve(level, started)
	<-started
	return d
}

// serve runs the queue. Its thread is never unlocked: it ends with the
// goroutine, and OpenMP's threads with it.
func (d *Device) serve(level int, started chan struct{}) {
	runtime.LockOSThread()
	C.omp_set_num_threads(C.int(d.threads))
	C.omp_set_dynamic(0)
	C.pl_choose(C.int(level))
	C.pl_product_choose(C.int(level))
	var waiting *C.pl_waiting
	if d.threads > 1 {
		waiting = C.pl_waiting_start(C.int(d.threads))
	}
	close(started)
	var c command // one for all, since its address is handed on
	ended := time.Now()
	for c = range d.queue {
		if c.run != nil && (d.fault == nil || c.always) {
			began := time.Now()
			d.idle.Calls++
			d.idle.Time += began.Sub(ended)
			c.run(d, &c)
			ended = time.Now()
			d.add(c.run, ended.Sub(began))
		}
		if c.mark != 0 {
			d.progress.Pass(c.mark, d.fault)
		}
		if c.wait {
			d.reply <- d.fault
		}
	}
	d.growScratch(0)
	C.pl_waiting_stop(waiting)
	d.reply <- d.fault
}

// Kernels names those that were chosen, such as avx512.
func (d *Device) Kernels() string { return C.GoString(C.pl_kernels_name()) }

// Name says which kernels were chosen.
func (d *Device) Name() string { return fmt.Sprintf("cpu (%s, %d threads)", d.Kernels(), d.threads) }

// Bytes is the C memory held.
func (d *Device) Bytes() int64 { return d.held.Load() }

type memory struct {
	owner *Device
	at    unsafe.Pointer
	bytes int
}

func (m *memory) Bytes() int { return m.bytes }

// Free returns the memory after the work that is queued. A second Free is a
// bug and panics.
func (m *memory) Free() {
	if m.at == nil {
		panic("free device memory twice")
	}
	m.owner.queue <- command{run: free, always: true, p: [9]unsafe.Pointer{m.at}, n: [4]int{m.bytes}}
	m.at = nil
}

func free(d *Device, c *command) {
	C.free(c.p[0])
	d.held.Add(-int64(c.n[0]))
}

// Alloc returns memory of unknown content.
func (d *Device) Alloc(bytes int) (device.Memory, error) {
	at, err := d.allocate(bytes)
	if err != nil {
		return nil, err
	}
	return &memory{d, at, bytes}, nil
}

func (d *Device) allocate(bytes int) (unsafe.Pointer, error) {
	at := C.pl_allocate(C.size_t(max(bytes, 4)))
	if at == nil {
		return nil, fmt.Errorf("allocate %d bytes: %w", bytes, device.ErrMemory)
	}
	d.held.Add(int64(bytes))
	return at, nil
}

// growScratch makes d.scratch hold at least words words; 0 frees it. It runs
// on the queue's goroutine.
func (d *Device) growScratch(words int) bool {
	if words > 0 && words <= d.scratchSize {
		return true
	}
	if d.scratch != nil {
		C.free(d.scratch)
		d.held.Add(-int64(d.scratchSize) * 4)
		d.scratch, d.scratchSize = nil, 0
	}
	if words == 0 {
		return true
	}
	at, err := d.allocate(4 * words)
	if err != nil {
		d.fault = err
		return false
	}
	d.scratch, d.scratchSize = at, words
	return true
}

// at is the address of b, which holds at least n elements of F32.
func at(operation string, b device.Buffer, n int) unsafe.Pointer {
	return typed(operation, device.F32, b, n)
}

// atInts is the address of b, which holds at least n elements of I32.
func atInts(operation string, b device.Buffer, n int) unsafe.Pointer {
	return typed(operation, device.I32, b, n)
}

// active is the address of b, which holds at least n activations of type t.
func active(operation string, t device.Type, b device.Buffer, n int) unsafe.Pointer {
	if t != device.F32 && t != device.BF16 {
		panic(fmt.Sprintf("%s: a buffer of %s where f32 or bf16 is needed", operation, t))
	}
	return typed(operation, t, b, n)
}

// typed is the address of b, which holds at least n elements of type t.
func typed(operation string, t device.Type, b device.Buffer, n int) unsafe.Pointer {
	b.Need(operation, t, n)
	m := b.Memory.(*memory)
	if m.at == nil {
		panic(operation + ": a buffer was freed")
	}
	return unsafe.Add(m.at, b.Offset*t.Bytes())
}

// Write copies src to dst when the queue gets there.
func (d *Device) Write(dst device.Buffer, src []float32) {
	d.queue <- command{p: [9]unsafe.Pointer{at("write", dst, len(src))}, floats: src, run: func(d *Device, c *command) {
		copy(unsafe.Slice((*float32)(c.p[0]), len(c.floats)), c.floats)
	}}
}

// WriteInts is Write to type I32.
func (d *Device) WriteInts(dst device.Buffer, src []int32) {
	d.queue <- command{p: [9]unsafe.Pointer{atInts("write", dst, len(src))}, ints: src, run: func(d *Device, c *command) {
		copy(unsafe.Slice((*int32)(c.p[0]), len(c.ints)), c.ints)
	}}
}

// WriteBytes is Write to type U8.
func (d *Device) WriteBytes(dst device.Buffer, src []byte) {
	d.queue <- command{p: [9]unsafe.Pointer{typed("write", device.U8, dst, len(src))}, bytes: src, run: func(d *Device, c *command) {
		copy(unsafe.Slice((*byte)(c.p[0]), len(c.bytes)), c.bytes)
	}}
}

func readFloats(_ *Device, c *command) {
	copy(c.floats, unsafe.Slice((*float32)(c.p[0]), len(c.floats)))
}

// Read waits for the queue and copies src to dst.
func (d *Device) Read(dst []float32, src device.Buffer) error {
	d.queue <- command{p: [9]unsafe.Pointer{at("read", src, len(dst))}, floats: dst, wait: true, run: readFloats}
	return <-d.reply
}

// Fetch copies src to dst when the queue gets there.
func (d *Device) Fetch(dst []float32, src device.Buffer) {
	d.queue <- command{p: [9]unsafe.Pointer{at("fetch", src, len(dst))}, floats: dst, run: readFloats}
}

// Sync waits for the queue.
func (d *Device) Sync() error {
	d.queue <- command{wait: true}
	return <-d.reply
}

// Close waits for the queue, ends its thread and reports memory that was never
// freed.
func (d *Device) Close() error {
	close(d.queue)
	err := <-d.reply
	if held := d.held.Load(); err == nil && held != 0 {
		err = fmt.Errorf("close device cpu: %d bytes were not freed", held)
	}
	return err
}

func floats(p unsafe.Pointer) *C.float { return (*C.float)(p) }
func ints(p unsafe.Pointer) *C.int32_t { return (*C.int32_t)(p) }
