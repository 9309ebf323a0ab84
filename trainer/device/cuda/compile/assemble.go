package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// targets are the cards that kernels are assembled for: A100, H100 and H200, and these
// last with what only they have.
var targets = []string{"sm_80", "sm_90", "sm_90a"}

// A taking is what ptxas says of a kernel.
type taking struct{ registers, shared, stack, stores, loads string }

var (
	aboutEntry    = regexp.MustCompile(`Compiling entry function '(\w+)' for`)
	aboutStack    = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	aboutUse      = regexp.MustCompile(`Used (\d+) registers`)
	aboutShared   = regexp.MustCompile(`(\d+) bytes smem`)
	mostOfThreads = regexp.MustCompile(`(?s)\.entry (\w+)\(.*?\n\.maxntid (\d+)`)
)

// assemble hands PTX to ptxas for each target and returns the table of what kernels
// take. A kernel that spills registers is an error.
func assemble(made map[string]string, cuda string) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "# What kernels take of a card\n\nMade by `go generate`, with ptxas %s. The PTX states version %s, which drivers from 450 on take.\n\n", compiler, version)
	fmt.Fprintf(&out, "| source | kernel | threads | registers: %s | shared memory, bytes | stack, bytes |\n|---|---|---|---|---|---|\n", strings.Join(targets, ", "))
	var spilling []string
	for _, name := range names(made) {
		found := map[string][]taking{} // by kernel, then target
		for _, target := range targets {
			ptxas := exec.Command(filepath.Join(cuda, "nvidia/cuda_nvcc/bin/ptxas"), "-v", "-arch="+target, "-o", os.DevNull, "/dev/stdin")
			ptxas.Stdin = strings.NewReader(made[name])
			text, err := ptxas.CombinedOutput()
			if err != nil {
				return "", fmt.Errorf("assemble %s for %s: %w\n%s", name, target, err, text)
			}
			for kernel, t := range takings(string(text)) {
				found[kernel] = append(found[kernel], t)
				if t.stores != "0" || t.loads != "0" {
					spilling = append(spilling, fmt.Sprintf("%s of %s for %s: %s bytes stored, %s loaded", kernel, name, target, t.stores, t.loads))
				}
			}
		}
		for _, m := range mostOfThreads.FindAllStringSubmatch(made[name], -1) {
			var registers, shared, stack []string
			for _, t := range found[m[1]] {
				registers, shared, stack = append(registers, t.registers), append(shared, t.shared), append(stack, t.stack)
			}
			fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", strings.TrimSuffix(name, ".ptx"), m[1], m[2], each(registers), each(shared), each(stack))
		}
	}
	if spilling != nil {
		return "", fmt.Errorf("kernels spill registers:\n%s", strings.Join(spilling, "\n"))
	}
	return out.String(), nil
}

// each is one figure where all targets agree.
func each(figures []string) string {
	if len(slices.Compact(slices.Clone(figures))) == 1 {
		return figures[0]
	}
	return strings.Join(figures, ", ")
}

// takings reads what ptxas -v says, by kernel.
func takings(text string) map[string]taking {
	all := map[string]taking{}
	var kernel string
	for line := range strings.Lines(text) {
		t := all[kernel]
		if m := aboutEntry.FindStringSubmatch(line); m != nil {
			kernel = m[1]
			all[kernel] = taking{shared: "0"}
			continue
		} else if m := aboutStack.FindStringSubmatch(line); m != nil {
			t.stack, t.stores, t.loads = m[1], m[2], m[3]
		} else if m := aboutUse.FindStringSubmatch(line); m != nil {
			t.registers = m[1]
			if m := aboutShared.FindStringSubmatch(line); m != nil {
				t.shared = m[1]
			}
		} else {
			continue
		}
		all[kernel] = t
	}
	return all
}
