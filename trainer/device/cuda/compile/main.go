// Command compile turns the kernels of the CUDA backend into PTX, kernels/ptx, and
// writes down what they take of the cards that they are for, kernels/ptx/README.md.
// go generate ./trainer/device/cuda/kernels runs it, after NVRTC and ptxas have been
// fetched from NVIDIA's wheels into .cuda: no card and no toolkit is needed. Other
// versions of the compiler would give other bytes, so there is one.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/trainer/device/cuda/kernels"
)

const (
	compiler = "V12.9.86" // as NVRTC writes it into its PTX
	// The oldest card: it has mma of bf16, cp.async and 99 KiB of shared memory.
	oldest = "compute_80"
	// The PTX that CUDA 11.0's drivers (450) take. NVRTC states its own version, which
	// only the latest drivers take, whatever the text uses; ptxas refuses what the
	// stated version does not have.
	version = "7.0"
)

func main() {
	folder := "." // go generate runs where its line stands
	if err := generate(folder, filepath.Join(folder, "../../../../.cuda")); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// generate writes the PTX of all kernels of folder and their table, with the tools in
// cuda, and removes the PTX of sources that are gone.
func generate(folder, cuda string) error {
	made, err := compileAll(folder, cuda)
	if err != nil {
		return err
	}
	table, err := assemble(made, cuda)
	if err != nil {
		return err
	}
	for name, text := range made {
		if err := atomicfile.WriteFile(filepath.Join(folder, "ptx", name), []byte(text)); err != nil {
			return err
		}
	}
	old, err := filepath.Glob(filepath.Join(folder, "ptx/*.ptx"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if made[filepath.Base(path)] == "" {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return atomicfile.WriteFile(filepath.Join(folder, "ptx/README.md"), []byte(table))
}

// compileAll compiles the sources in folder: PTX by the name of its file.
func compileAll(folder, cuda string) (map[string]string, error) {
	n, err := openNVRTC(filepath.Join(cuda, "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"))
	if err != nil {
		return nil, err
	}
	sources, err := filepath.Glob(filepath.Join(folder, "*.cu"))
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("no kernels in %s: run go generate ./trainer/device/cuda/kernels", folder)
	}
	made := map[string]string{}
	for _, path := range sources {
		name := filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		ptx, err := n.compile(string(text), name, "--gpu-architecture="+oldest, "--std=c++17", "-I"+folder)
		if err != nil {
			return nil, err
		}
		hash, err := kernels.Hash(os.DirFS(folder), name)
		if err != nil {
			return nil, err
		}
		if made[strings.TrimSuffix(name, ".cu")+".ptx"], err = tidy(ptx, hash); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return made, nil
}

var directive = regexp.MustCompile(`(?m)^\.version .*$`)

// tidy takes the compiler's remarks and blank lines out of PTX, states the version of
// it that is used, and puts hash on the first line.
func tidy(ptx, hash string) (string, error) {
	if !strings.Contains(ptx, compiler) {
		return "", fmt.Errorf("another compiler than %s: remove .cuda/nvidia/cuda_nvrtc and run go generate ./trainer/device/cuda/kernels", compiler)
	}
	ptx = directive.ReplaceAllString(ptx, ".version "+version)
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", firstLine(hash))
	for line := range strings.Lines(ptx) {
		line = strings.TrimRight(line, " \t\n")
		if line != "" && !strings.HasPrefix(strings.TrimLeft(line, "\t"), "//") {
			out.WriteString(line + "\n")
		}
	}
	return out.String(), nil
}

func firstLine(hash string) string {
	return "// " + hash + " is the SHA-256 of the sources, compiled by NVRTC " + compiler
}

// names are the sorted keys of made.
func names(made map[string]string) []string {
	var list []string
	for name := range made {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
