package cpu

/*
#cgo CFLAGS: -O3 -fopenmp -Wall
#cgo LDFLAGS: -ldnnl -lgomp -lm
#include <stdlib.h>
#include <omp.h>
#include "convolution.h"
#include "kernels.h"
#include "matmul_bf16.h"
#include "waiting.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
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
	queue   chan command
	reply   chan error
	threads int
	held    atomic.Int64 // bytes of C memory

	// The rest belongs to the queue's goroutine.
	fault       error
	scratch     unsafe.Pointer
	scratchSize int
	shares      map[uintptr]*Share
	onednn      C.pl_onednn
	bf16        bool
	rounded     rounded

	convolutions map[[4]int]*C.pl_convolution
}

var _ device.Device = (*Device)(nil)

// A command is one operation with its arguments; which of them are set is for
// the operation to know.
type command struct {
	run    func(d *Device, c *command)
	p      [9]unsafe.Pointer
	n      [4]int
	f      [2]float32
	flags  [2]bool
	shape  device.AttentionShape
	adamw  device.AdamW
	floats []float32
	ints   []int32
	wait   bool
	keeps  bool // leaves the factors of the last matrix product as they were
}

// Open starts a device with the given number of threads; 0 means one a
// processor.
func Open(threads int) *Device { return open(threads, 0) }

// ErrNoBF16 is returned where the processor does not multiply bfloat16.
var ErrNoBF16 = errors.New("this processor has no AVX-512 BF16; use precision fp32")

// OpenBF16 starts a device whose matrix products round their factors to
// bfloat16 and add up in float32. Buffers, and with them weights, gradients and
// moments, stay float32, and so does everything that is not a matrix product.
func OpenBF16(threads int) (*Device, error) {
	if C.pl_bf16_available() == 0 {
		return nil, ErrNoBF16
	}
	d := Open(threads)
	d.bf16 = true // seen by the queue's goroutine with its first command
	return d, nil
}

func open(threads, level int) *Device {
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	d := &Device{queue: make(chan command, queueLength), reply: make(chan error, 1), threads: threads, shares: map[uintptr]*Share{}}
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
	if status := C.pl_onednn_open(&d.onednn); status != C.dnnl_success {
		d.fault = fmt.Errorf("start oneDNN: status %d", int(status))
	}
	var waiting *C.pl_waiting
	if d.threads > 1 {
		waiting = C.pl_waiting_start(C.int(d.threads))
	}
	close(started)
	var c command // one for all, since its address is handed on
	for c = range d.queue {
		if c.run != nil && d.fault == nil {
			began := time.Now()
			if !c.keeps {
				d.rounded.from = nil
			}
			c.run(d, &c)
			d.add(c.run, time.Since(began))
		}
		if c.wait {
			d.reply <- d.fault
		}
	}
	d.growScratch(0)
	d.rounded.free(d)
	d.freeConvolutions()
	C.pl_onednn_close(&d.onednn)
	C.pl_waiting_stop(waiting)
	d.reply <- d.fault
}

// Name says which kernels were chosen.
func (d *Device) Name() string {
	precision := ""
	if d.bf16 {
		precision = ", bf16"
	}
	return fmt.Sprintf("cpu (%s%s, %d threads)", C.GoString(C.pl_kernels_name()), precision, d.threads)
}

// Bytes is the C memory held.
func (d *Device) Bytes() int64 { return d.held.Load() }

type memory struct {
	owner *Device
	at    unsafe.Pointer
	words int
}

func (m *memory) Words() int { return m.words }

// Free returns the memory after the work that is queued. A second Free is a
// bug and panics.
func (m *memory) Free() {
	if m.at == nil {
		panic("free device memory twice")
	}
	m.owner.queue <- command{run: free, p: [9]unsafe.Pointer{m.at}, n: [4]int{m.words}}
	m.at = nil
}

func free(d *Device, c *command) {
	C.free(c.p[0])
	d.held.Add(-int64(c.n[0]) * 4)
}

var errMemory = errors.New("out of memory; a smaller batch or model needs less")

// Alloc returns memory of unknown content.
func (d *Device) Alloc(words int) (device.Memory, error) {
	at, err := d.allocate(words)
	if err != nil {
		return nil, err
	}
	return &memory{d, at, words}, nil
}

func (d *Device) allocate(words int) (unsafe.Pointer, error) {
	var at unsafe.Pointer
	if C.posix_memalign(&at, 64, C.size_t(max(words, 1)*4)) != 0 {
		return nil, fmt.Errorf("allocate %d bytes: %w", words*4, errMemory)
	}
	d.held.Add(int64(words) * 4)
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
	at, err := d.allocate(words)
	if err != nil {
		d.fault = err
		return false
	}
	d.scratch, d.scratchSize = at, words
	return true
}

// at is the address of b, which holds at least n words.
func at(operation string, b device.Buffer, n int) unsafe.Pointer {
	b.Need(operation, n)
	m := b.Memory.(*memory)
	if m.at == nil {
		panic(operation + ": a buffer was freed")
	}
	return unsafe.Add(m.at, b.Offset*4)
}

// Write copies src to dst when the queue gets there.
func (d *Device) Write(dst device.Buffer, src []float32) {
	d.queue <- command{p: [9]unsafe.Pointer{at("write", dst, len(src))}, floats: src, run: func(d *Device, c *command) {
		copy(unsafe.Slice((*float32)(c.p[0]), len(c.floats)), c.floats)
	}}
}

// WriteInts is Write for int32 words.
func (d *Device) WriteInts(dst device.Buffer, src []int32) {
	d.queue <- command{p: [9]unsafe.Pointer{at("write", dst, len(src))}, ints: src, run: func(d *Device, c *command) {
		copy(unsafe.Slice((*int32)(c.p[0]), len(c.ints)), c.ints)
	}}
}

// Read waits for the queue and copies src to dst.
func (d *Device) Read(dst []float32, src device.Buffer) error {
	d.queue <- command{p: [9]unsafe.Pointer{at("read", src, len(dst))}, floats: dst, wait: true, run: func(d *Device, c *command) {
		copy(c.floats, unsafe.Slice((*float32)(c.p[0]), len(c.floats)))
	}}
	return <-d.reply
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
