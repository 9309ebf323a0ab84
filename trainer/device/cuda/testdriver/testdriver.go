//go:build cuda

// Package testdriver stands in for a card: the kernels of ../kernels compiled for the
// host, in a library that exports the functions of the driver and of cuBLASLt that
// pairloom calls. host/ holds its C++: each thread of a block is a fiber, work on
// streams is done as late as it may be, and guards watch what a card would let pass.
//
// Main is for TestMain: the library is named by PAIRLOOM_LIBCUDA and is opened before
// main, so a test binary builds it and then runs itself again.
//
// A fault is kept as a card keeps it: every later call answers its number, and the
// words of cuGetErrorString say kernel, block, thread and address. Variables that are
// read at each call change the card: PAIRLOOM_TESTDRIVER_MEMORY (bytes),
// PAIRLOOM_TESTDRIVER_DEVICES (how many), PAIRLOOM_TESTDRIVER_CAPABILITY (75 is a card
// without bf16), PAIRLOOM_TESTDRIVER_VERSION (12090), PAIRLOOM_TESTDRIVER_ORDER
// (backwards: the last thread and block go first), PAIRLOOM_TESTDRIVER_FAIL
// (cuMemAllocAsync=2@3: what a function answers from its third call on; 2@3-4: in those), and
// PAIRLOOM_TESTDRIVER_QUIET keeps faults and refused calls off standard error.
package testdriver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"golang.org/x/sys/cpu"
)

// folder is that of this package's sources.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// A Kind says how the library is compiled.
type Kind int

const (
	Checked Kind = iota // each access of a kernel to memory is looked up
	Fast                // for whole trainings: bounds of the driver's own copies alone
)

// flags are those of a source.
func (k Kind) flags(source string) []string {
	f := []string{"-std=c++17", "-O2", "-fPIC", "-ffp-contract=off", "-fno-exceptions", "-fno-math-errno", "-Wall", "-Wno-unused-function", "-Wno-unknown-pragmas"}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		f = append(f, "-mavx2", "-mfma")
	}
	if base := filepath.Base(source); k == Fast && filepath.Ext(source) == ".cu" || base == "gemm.cc" || base == "warp.cc" {
		f = append(f, "-O3")
	}
	if k == Checked {
		f = append(f, "-DPAIRLOOM_CHECKED", "-g1")
	}
	if k == Checked && filepath.Ext(source) == ".cu" {
		f = append(f, "-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0")
	}
	return f
}

// Build compiles the library where it is not yet in the user's cache, source by source,
// and returns its path. The compiler is g++, or what CXX names.
func Build(k Kind) (library string, err error) {
	sources, err := files("host/*.cc", "../kernels/*.cu")
	if err != nil {
		return "", err
	}
	return k.link(sources, "-shared")
}

// files are those that match the patterns, relative to this package's folder: so do
// checkouts in different places share what they compiled.
func files(patterns ...string) ([]string, error) {
	var all []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(folder(), p))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("test driver: no %s in %s", p, folder())
		}
		for _, f := range found {
			relative, err := filepath.Rel(folder(), f)
			if err != nil {
				return nil, err
			}
			all = append(all, filepath.ToSlash(relative))
		}
	}
	return all, nil
}

// link compiles the sources to a library, or to a program.
func (k Kind) link(sources []string, shared string) (string, error) {
	headers, err := hashHeaders()
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	objects := make([]string, len(sources))
	var jobs []job
	for i, source := range sources {
		text, err := os.ReadFile(filepath.Join(folder(), source))
		if err != nil {
			return "", err
		}
		arguments := append(k.flags(source), "-I", "host", "-I", "../kernels", "-x", "c++", "-c", source)
		objects[i] = filepath.Join(cache, key(compiler(), strings.Join(arguments, " "), headers, string(text))+".o")
		jobs = append(jobs, job{objects[i], arguments})
	}
	if err := compile(jobs...); err != nil {
		return "", err
	}
	arguments := objects
	if shared != "" {
		arguments = append([]string{shared, "-Wl,-Bsymbolic"}, objects...)
	}
	file := filepath.Join(cache, key(arguments...)+".so")
	return file, compile(job{file, arguments})
}

// cacheFolder is where what was compiled lies, by the hash of what it was made from.
func cacheFolder() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("test driver: %w", err)
	}
	cache := filepath.Join(user, "pairloom", "testdriver")
	return cache, os.MkdirAll(cache, 0o755)
}

func compiler() string {
	if c := os.Getenv("CXX"); c != "" {
		return c
	}
	return "g++"
}

// A job is a file to compile or link.
type job struct {
	file      string
	arguments []string
}

// compile runs the compiler for those files that are not there yet, two at a time; a
// file is there whole or not at all.
func compile(jobs ...job) error {
	var running []*run
	var first error
	finish := func(left int) {
		for len(running) > left {
			if err := running[0].finish(); first == nil {
				first = err
			}
			running = running[1:]
		}
	}
	for _, j := range jobs {
		if _, err := os.Stat(j.file); err == nil {
			continue
		}
		r, err := j.start()
		if err != nil {
			first = err
			break
		}
		running = append(running, r)
		finish(1)
	}
	finish(0)
	return first
}

// A run is a job under way.
type run struct {
	job
	command *exec.Cmd
	out     bytes.Buffer
	beside  string
}

func (j job) start() (*run, error) {
	f, err := os.CreateTemp(filepath.Dir(j.file), "*"+atomicfile.Suffix)
	if err != nil {
		return nil, fmt.Errorf("test driver: %w", err)
	}
	f.Close()
	r := &run{job: j, beside: f.Name(), command: exec.Command(compiler(), append(j.arguments, "-o", f.Name())...)}
	r.command.Dir = folder()
	r.command.Stdout, r.command.Stderr = &r.out, &r.out
	if err := r.command.Start(); err != nil {
		os.Remove(r.beside)
		return nil, fmt.Errorf("test driver: start %s, the compiler that CXX names or g++: %w", compiler(), err)
	}
	return r, nil
}

func (r *run) finish() error {
	defer os.Remove(r.beside)
	if err := r.command.Wait(); err != nil {
		return fmt.Errorf("test driver: %s %s: %w\n%s", compiler(), strings.Join(r.arguments, " "), err, &r.out)
	}
	os.Stderr.Write(r.out.Bytes())
	return atomicfile.Rename(r.beside, r.file)
}

// hashHeaders is a hash of what every object depends on beside its source.
func hashHeaders() (string, error) {
	headers, err := files("host/*.h", "../kernels/*.h")
	if err != nil {
		return "", err
	}
	var parts []string
	for _, h := range headers {
		text, err := os.ReadFile(filepath.Join(folder(), h))
		if err != nil {
			return "", err
		}
		parts = append(parts, h, string(text))
	}
	return key(parts...), nil
}

func key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Main is TestMain's body: runs the tests on the checked test driver, or on the libraries
// that PAIRLOOM_LIBCUDA names where it is set.
func Main(m *testing.M) {
	Again(Checked)
	os.Exit(m.Run())
}

// Again runs this program again with the test driver for the driver, and ends with its
// exit code; unless PAIRLOOM_LIBCUDA names a library, as it does then. A package whose
// TestMain has other work calls it from init.
func Again(k Kind) {
	if os.Getenv("PAIRLOOM_LIBCUDA") != "" {
		return
	}
	library, err := Build(k)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), "PAIRLOOM_LIBCUDA="+library, "PAIRLOOM_LIBCUBLASLT="+library)
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := again.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := logSources(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// logSources tells go test that the result hangs on the C++ too: it keeps results by what
// the tests opened, and they only opened the library.
func logSources() error {
	var file string // no flag is defined yet where init has called
	for _, a := range os.Args[1:] {
		if v, ok := strings.CutPrefix(a, "-test.testlogfile="); ok {
			file = v
		}
	}
	if file == "" {
		return nil
	}
	log, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, dir := range []string{"host", "../kernels"} {
		fmt.Fprintf(log, "open %s\n", filepath.Join(folder(), dir))
	}
	return log.Close()
}
