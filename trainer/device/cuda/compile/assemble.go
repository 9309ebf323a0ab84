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
type taking struct{ registers, shared, stack, spilled string }

var (
	aboutEntry    = regexp.MustCompile(`Compiling entry function '(\w+)' for`)
	aboutStack    = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores`)
	aboutUse      = regexp.MustCompile(`Used (\d+) registers`)
	aboutShared   = regexp.MustCompile(`(\d+) bytes smem`)
	mostOfThreads = regexp.MustCompile(`(?s)\.entry (\w+)\(.*?\n\.maxntid (\d+)`)
)

// head stands before the table's lines.
var head = `# What kernels take of a card

Made by go generate, with ptxas ` + compiler + `. The PTX states version ` + version + `, which drivers of CUDA 11.0 and
later take. Where targets differ the figures are those for ` + strings.Join(targets, ", ") + `. Bytes of stack
and of spilled registers are a thread's.

| source | kernel | threads | registers | shared memory, bytes | stack | spilled |
|---|---|---|---|---|---|---|
`

// assemble hands the PTX of a source to ptxas for each target and returns the source's
// lines of the table.
func assemble(name, ptx, cuda string) (string, error) {
	found := map[string][]taking{} // by kernel, then target
	for _, target := range targets {
		ptxas := exec.Command(filepath.Join(cuda, "nvidia/cuda_nvcc/bin/ptxas"), "-v", "-arch="+target, "-o", os.DevNull, "/dev/stdin")
		ptxas.Stdin = strings.NewReader(ptx)
		text, err := ptxas.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("assemble %s.ptx for %s: %w\n%s", name, target, err, text)
		}
		for kernel, t := range takings(string(text)) {
			found[kernel] = append(found[kernel], t)
		}
	}
	var out strings.Builder
	for _, m := range mostOfThreads.FindAllStringSubmatch(ptx, -1) {
		var registers, shared, stack, spilled []string
		for _, t := range found[m[1]] {
			registers, shared, stack, spilled = append(registers, t.registers), append(shared, t.shared), append(stack, t.stack), append(spilled, t.spilled)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n", name, m[1], m[2], each(registers), each(shared), each(stack), each(spilled))
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
			t.stack, t.spilled = m[1], m[2]
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
