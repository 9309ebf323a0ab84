//go:build cuda

package cuda

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"sync"
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// A launch is a kernel with the shape of its grid.
type launch struct {
	kernel  string
	blocks  [3]int // zeros at the end count as 1; without any block nothing runs
	threads int    // of a block, along x
	shared  int    // bytes of dynamic shared memory
}

// suffixed is the name of a kernel for activations of type t.
func suffixed(kernel string, t device.Type) string {
	if t != device.F32 && t != device.BF16 {
		panic(fmt.Sprintf("%s: a buffer of %s where f32 or bf16 is needed", kernel, t))
	}
	return kernel + "_" + t.String()
}

// elementwise is a launch over n elements, of which a thread takes each so many.
func elementwise(kernel string, n, each int) launch {
	const threads = 256
	blocks := (n + threads*each - 1) / (threads * each)
	return launch{kernel: kernel, blocks: [3]int{min(blocks, 132*16)}, threads: threads}
}

// arguments are a kernel's, one a cell of 8 bytes.
type arguments struct {
	cells [24]uint64
	kinds [24]byte // 'p'ointer, 'i'nteger or 'f'loat
	count int
}

func (a *arguments) set(op string, args []any) {
	for i, x := range args {
		switch x := x.(type) {
		case address:
			a.cells[i], a.kinds[i] = uint64(x), 'p'
		case int:
			if x != int(int32(x)) {
				panic(fmt.Sprintf("%s: %d is more than a kernel counts to", op, x))
			}
			a.cells[i], a.kinds[i] = uint64(x), 'i'
		case int64:
			a.cells[i], a.kinds[i] = uint64(x), 'i'
		case float32:
			a.cells[i], a.kinds[i] = uint64(math.Float32bits(x)), 'f'
		case bool:
			a.kinds[i] = 'i'
			if x {
				a.cells[i] = 1
			}
		default:
			panic(fmt.Sprintf("%s: argument %d is of type %T", op, i, x))
		}
	}
	a.count = len(args)
}

// String names the operation, the kernel and its arguments but the pointers.
func (c *command) String() string {
	switch {
	case c.what != nil:
		return c.what(c.op)
	case c.launch.kernel == "":
		return c.op
	}
	var values []string
	for i := range c.args.count {
		switch cell := c.args.cells[i]; c.args.kinds[i] {
		case 'i':
			values = append(values, fmt.Sprint(int64(cell)))
		case 'f':
			values = append(values, fmt.Sprint(math.Float32frombits(uint32(cell))))
		}
	}
	return fmt.Sprintf("%s: %s(%s)", c.op, c.launch.kernel, strings.Join(values, ", "))
}

//go:embed kernels/ptx/*.ptx.gz
var ptx embed.FS

// kernels are the functions of the program, each file of them compiled for the card when
// the first is launched.
type kernels struct {
	sources
	modules map[string]cu.Module
	ready   map[string]*kernel
}

// sources are the files of PTX by their names, and the file that each kernel is in.
type sources struct{ texts, files map[string]string }

type kernel struct {
	cu.Function
	shared int // bytes of dynamic shared memory that it is allowed
}

var entry = regexp.MustCompile(`\.entry\s+(\w+)`)

// unpacked are the program's, read when the first device opens.
var unpacked = sync.OnceValues(func() (sources, error) {
	s := sources{map[string]string{}, map[string]string{}}
	files, err := ptx.ReadDir("kernels/ptx")
	if err != nil {
		return s, err
	}
	for _, f := range files {
		packed, err := ptx.ReadFile("kernels/ptx/" + f.Name())
		if err != nil {
			return s, err
		}
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return s, err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return s, err
		}
		s.texts[f.Name()] = string(text)
		for _, m := range entry.FindAllSubmatch(text, -1) {
			s.files[string(m[1])] = f.Name()
		}
	}
	return s, nil
})

func (k *kernels) open() (err error) {
	k.modules, k.ready = map[string]cu.Module{}, map[string]*kernel{}
	k.sources, err = unpacked()
	return err
}

func (k *kernels) find(name string) (*kernel, error) {
	if f := k.ready[name]; f != nil {
		return f, nil
	}
	path := k.files[name]
	if path == "" {
		return nil, errors.New("the program's PTX has no such kernel; make it with go generate in trainer/device/cuda")
	}
	module, loaded := k.modules[path]
	if !loaded {
		var err error
		if module, err = cu.LoadData(k.texts[path]); err != nil {
			return nil, fmt.Errorf("load %s: %w", path, plain(err))
		}
		k.modules[path] = module
	}
	f, err := module.Function(name)
	if err != nil {
		return nil, plain(err)
	}
	k.ready[name] = &kernel{Function: f, shared: 48 << 10}
	return k.ready[name], nil
}

// launch starts c on s.
func (k *kernels) launch(c *command, s cu.Stream) error {
	l := &c.launch
	if l.blocks[0] == 0 {
		return nil
	}
	f, err := k.find(l.kernel)
	if err != nil {
		return err
	}
	if l.shared > f.shared {
		if err := allowShared(f.Function, l.shared); err != nil {
			return fmt.Errorf("%d bytes of shared memory: %w", l.shared, err)
		}
		f.shared = l.shared
	}
	var cells [len(c.args.cells)]unsafe.Pointer
	for i := range c.args.count {
		cells[i] = unsafe.Pointer(&c.args.cells[i])
	}
	return plain(f.Launch(l.blocks[0], max(1, l.blocks[1]), max(1, l.blocks[2]), l.threads, 1, 1, l.shared, s, cells[:c.args.count]))
}

func (k *kernels) close() {
	for _, m := range k.modules {
		m.Unload()
	}
}
