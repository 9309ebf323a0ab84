// Command compile turns the kernels of the CUDA backend into PTX, kernels/ptx, and
// writes down what they take of the cards that they are for, kernels/ptx/README.md.
// go generate ./trainer/device/cuda runs it, after NVRTC and ptxas have been
// fetched from NVIDIA's wheels into .cuda: no card and no toolkit is needed. Other
// versions of the compiler would give other bytes, so there is one.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

const (
	compiler = "V12.9.86" // as NVRTC writes it into its PTX
	// The oldest card: it has mma of bf16, cp.async and 99 KiB of shared memory.
	oldest = "compute_80"
	// The PTX that CUDA 11.0's drivers (450) take. NVRTC states its own version, which
	// only the latest drivers take, whatever the text uses; ptxas refuses what the
	// stated version does not have.
	version = "7.0"
	// Text of some 5 MB is a fifth of that in the program when it is packed.
	suffix = ".ptx.gz"
)

func main() {
	// From where go generate's line stands, cuda/doc.go.
	if err := generate("kernels", "../../../.cuda"); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// generate compiles the kernels of folder that have changed, with the tools in cuda,
// writes the table, and removes the PTX of sources that are gone.
func generate(folder, cuda string) error {
	sources, err := sourcesOf(folder)
	if err != nil {
		return err
	}
	compiled, err := keptIn(folder)
	if err != nil {
		return err
	}
	var lines []string
	for _, s := range sources {
		c := compiled[s.name]
		if !strings.HasPrefix(c.ptx, firstLine(s.hash)) || c.table == "" {
			if c, err = s.compile(cuda); err != nil {
				return err
			}
		}
		delete(compiled, s.name)
		if err := write(filepath.Join(folder, "ptx", s.name+suffix), c.ptx); err != nil {
			return err
		}
		lines = append(lines, c.table)
	}
	for name := range compiled {
		if err := os.Remove(filepath.Join(folder, "ptx", name+suffix)); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(filepath.Join(folder, "ptx/README.md"), []byte(head+strings.Join(lines, "")))
}

// A source is a file of kernels.
type source struct {
	folder, name, hash string // name is without .cu
}

// sourcesOf are those in folder, by name.
func sourcesOf(folder string) ([]source, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.cu"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no kernels in %s: run go generate ./trainer/device/cuda", folder)
	}
	var list []source
	for _, path := range files {
		hash, err := hashOf(os.DirFS(folder), filepath.Base(path))
		if err != nil {
			return nil, err
		}
		list = append(list, source{folder, strings.TrimSuffix(filepath.Base(path), ".cu"), hash})
	}
	return list, nil
}

// A compiled source is its PTX and its lines of the table.
type compiled struct{ ptx, table string }

// keptIn is what folder/ptx holds, by source.
func keptIn(folder string) (map[string]compiled, error) {
	table, err := os.ReadFile(filepath.Join(folder, "ptx/README.md"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "ptx/*"+suffix))
	if err != nil {
		return nil, err
	}
	kept := map[string]compiled{}
	for _, path := range files {
		text, err := readKept(path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(path), suffix)
		c := compiled{ptx: text}
		for line := range strings.Lines(string(table)) {
			if strings.HasPrefix(line, "| "+name+" |") {
				c.table += line
			}
		}
		kept[name] = c
	}
	return kept, nil
}

func readKept(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w: remove it, and run go generate ./trainer/device/cuda", path, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("%s: %w: remove it, and run go generate ./trainer/device/cuda", path, err)
	}
	return string(text), nil
}

// write packs text into path, unless that is what it holds: another Go may pack it
// to other bytes.
func write(path, text string) error {
	if kept, err := readKept(path); err == nil && kept == text {
		return nil
	}
	return atomicfile.WriteStream(path, func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(z, text); err != nil {
			return err
		}
		return z.Close()
	})
}

// compile makes it anew.
func (s source) compile(cuda string) (compiled, error) {
	n, err := openNVRTC(filepath.Join(cuda, "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"))
	if err != nil {
		return compiled{}, err
	}
	text, err := os.ReadFile(filepath.Join(s.folder, s.name+".cu"))
	if err != nil {
		return compiled{}, err
	}
	ptx, err := n.compile(string(text), s.name+".cu", "--gpu-architecture="+oldest, "--std=c++17", "-I"+s.folder)
	if err != nil {
		return compiled{}, err
	}
	if ptx, err = tidy(ptx, s.hash); err != nil {
		return compiled{}, fmt.Errorf("%s.cu: %w", s.name, err)
	}
	table, err := assemble(s.name, ptx, cuda)
	return compiled{ptx, table}, err
}

var directive = regexp.MustCompile(`(?m)^\.version .*$`)

// tidy takes the compiler's remarks and blank lines out of PTX, states the version of
// it that is used, and puts hash on the first line.
func tidy(ptx, hash string) (string, error) {
	if !strings.Contains(ptx, compiler) {
		return "", fmt.Errorf("another compiler than %s: remove .cuda/nvidia/cuda_nvrtc and run go generate ./trainer/device/cuda", compiler)
	}
	ptx = directive.ReplaceAllString(ptx, ".version "+version)
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", firstLine(hash))
	for line := range strings.Lines(ptx) {
		line = strings.TrimRight(line, " \t\n")
		bare := strings.TrimLeft(line, "\t ")
		// The pragma is a hint, of which older drivers know nothing.
		if bare != "" && !strings.HasPrefix(bare, "//") && !strings.HasPrefix(bare, ".pragma \"used_bytes_mask") {
			out.WriteString(line + "\n")
		}
	}
	return out.String(), nil
}

func firstLine(hash string) string {
	return "// " + hash + " is the SHA-256 of the sources, compiled by NVRTC " + compiler
}
