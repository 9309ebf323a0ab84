package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
)

// Report is what was found. Sizes are in bytes.
type Report struct {
	Ready  bool     `json:"ready"`            // training can run on the device that it is set to
	Faults []string `json:"faults,omitempty"` // why not
	Advice []string `json:"advice,omitempty"` // what is missing that training does without, and how to get it

	Asked  string `json:"asked"`            // the device, as it is set
	Device string `json:"device,omitempty"` // that training would run on
	Built  bool   `json:"built_for_cards"`  // the program has a backend for them

	Driver    Driver            `json:"driver"`
	Cards     []backend.Card    `json:"cards"`
	Processor Processor         `json:"processor"`
	Libraries []backend.Library `json:"libraries"`

	Memory int64  `json:"memory_free"` // that this process may still take; 0 when not known
	Folder string `json:"folder"`
	Disk   int64  `json:"disk_free"` // of the folder; 0 when not known
}

// Driver is the one for cards.
type Driver struct {
	Version string `json:"version,omitempty"` // of the kernel's module, "" for none
	CUDA    string `json:"cuda,omitempty"`    // that it is for; a program without a backend for cards does not ask
	Fault   string `json:"fault,omitempty"`
	Cure    string `json:"cure,omitempty"`
}

// Processor is what the linear algebra of the processor gets.
type Processor struct {
	Name     string   `json:"name,omitempty"`
	Threads  int      `json:"threads"`
	Features []string `json:"features"` // of those that there are kernels for
	Kernels  string   `json:"kernels"`  // that were chosen
	BF16     bool     `json:"bf16"`     // products of bf16 are faster than those of fp32
}

// Options say what is looked for.
type Options struct {
	Device string // as train.device
	Folder string // of the dataset
}

// Look asks the machine.
func Look(o Options) Report {
	root := os.DirFS("/")
	r := Report{Asked: o.Device, Built: backend.HasCUDA, Cards: []backend.Card{}, Processor: processor(root), Folder: o.Folder}
	r.Driver.Version = moduleVersion(root)
	r.lookAtCards()
	for _, l := range picture.Libraries() {
		r.Libraries = append(r.Libraries, backend.Library{Name: l.Name, For: l.For, Version: l.Version})
	}
	r.Libraries = append(r.Libraries, backend.Libraries()...)
	for _, l := range r.Libraries {
		if l.Fault != "" && len(r.Cards) > 0 {
			r.Advice = append(r.Advice, fmt.Sprintf("%s, for %s: %s", l.Name, l.For, l.Fault))
		}
	}
	r.Memory, _ = trainer.MachineMemory()
	r.lookAtDisk()
	r.tryDevice(o.Device)
	r.Ready = len(r.Faults) == 0
	return r
}

// lookAtCards asks the driver.
func (r *Report) lookAtCards() {
	if !r.Built {
		r.Driver.Fault = backend.ErrNoCUDA.Error()
		if r.Driver.Version != "" {
			r.Advice = append(r.Advice, "this machine has a driver for cards, and this program no backend for them: make cuda builds one that has it (docs/gpu.md)")
		}
		return
	}
	cards, err := backend.Cards()
	r.Cards, r.Driver.CUDA = append(r.Cards, cards...), backend.CUDAVersion()
	if u, is := err.(*device.Unusable); is {
		r.Driver.Fault, r.Driver.Cure = u.What, u.Cure
	} else if err != nil {
		r.Driver.Fault = err.Error()
	}
	for _, c := range cards {
		if c.Fault != "" {
			r.Advice = append(r.Advice, fmt.Sprintf("cuda:%d: %s; %s", c.Number, c.Fault, c.Cure))
		}
	}
}

// lookAtDisk finds the disk of the folder, which need not be there yet.
func (r *Report) lookAtDisk() {
	folder, err := filepath.Abs(r.Folder)
	if err != nil {
		return
	}
	r.Folder = folder
	for ; ; folder = filepath.Dir(folder) {
		if free, err := checkpoint.Free(folder); err == nil {
			r.Disk = free
			return
		}
		if folder == filepath.Dir(folder) {
			return
		}
	}
}

// tryDevice opens the device and lets it multiply.
func (r *Report) tryDevice(name string) {
	d, err := backend.Open(backend.Options{Device: name})
	if err != nil {
		r.Faults = append(r.Faults, err.Error())
		return
	}
	defer d.Close()
	r.Device = d.Name()
	for _, t := range []device.Type{device.F32, device.BF16} {
		if err := multiply(d, t); err != nil {
			r.Faults = append(r.Faults, fmt.Sprintf("a product of %s on %s: %v", t, d.Name(), err))
		}
	}
}

// multiply holds a small product against what it must be.
func multiply(d device.Device, t device.Type) error {
	const n = 64
	pool := device.NewPool(d)
	defer pool.Close()
	a, b, c := pool.Get(t, n*n), pool.Get(t, n*n), pool.Get(device.F32, n*n)
	if err := pool.Err(); err != nil {
		return err
	}
	d.Fill(a, 0.5)
	d.Fill(b, 0.25)
	d.MatMul(c, a, b, n, n, n, false, true, 0)
	got := make([]float32, n*n)
	if err := d.Read(got, c); err != nil {
		return err
	}
	for i, v := range got {
		if v != n*0.5*0.25 { // exact in every type
			return fmt.Errorf("element %d is %g, and must be %g", i, v, n*0.5*0.25)
		}
	}
	return nil
}

// processor is what the kernels find.
func processor(root fs.FS) Processor {
	p := Processor{Threads: runtime.NumCPU(), Features: features()}
	info, _ := fs.ReadFile(root, "proc/cpuinfo")
	if _, rest, there := strings.Cut(string(info), "model name\t: "); there {
		p.Name, _, _ = strings.Cut(rest, "\n")
	}
	p.Kernels, p.BF16 = backend.Kernels()
	return p
}

// versionOfModule finds a version such as 580.65.06 in the first line of the module's
// file: the words before it differ between the open module and the other.
var versionOfModule = regexp.MustCompile(`\b\d{3,}\.\d+(\.\d+)?\b`)

// moduleVersion is that of the kernel's module for NVIDIA's cards, "" for none.
func moduleVersion(root fs.FS) string {
	text, _ := fs.ReadFile(root, "proc/driver/nvidia/version")
	line, _, _ := strings.Cut(string(text), "\n")
	return versionOfModule.FindString(line)
}
