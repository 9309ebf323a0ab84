// Package kernels holds the kernels of the CUDA backend: their sources, and the PTX
// that NVRTC made of them (go generate). ptx/README.md is the table of what they take
// of a card.
package kernels

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// NVRTC's wheel has no cuda_fp16.h and the like: kernels include nothing but our own.
//
//go:generate ../toolchain.sh --compiler go run ../compile

//go:embed ptx/*.ptx
var files embed.FS

// A Module is the PTX of one source file.
type Module struct {
	Name    string   // that of the source, without .cu
	PTX     string   // text; drivers want it to end in a zero byte
	Kernels []string // in the order in which they stand there
}

var entry = regexp.MustCompile(`(?m)^\.visible \.entry (\w+)\(`)

// Modules are all of them, by name.
func Modules() []Module {
	list, err := files.ReadDir("ptx")
	if err != nil {
		panic(err) // it is part of the program
	}
	var modules []Module
	for _, f := range list {
		text, err := files.ReadFile("ptx/" + f.Name())
		if err != nil {
			panic(err)
		}
		m := Module{Name: strings.TrimSuffix(f.Name(), ".ptx"), PTX: string(text)}
		for _, found := range entry.FindAllStringSubmatch(m.PTX, -1) {
			m.Kernels = append(m.Kernels, found[1])
		}
		modules = append(modules, m)
	}
	return modules
}

var include = regexp.MustCompile(`(?m)^#include "(.*)"`)

// Hash is a SHA-256, in hexadecimal, of a source file of folder and of all that it
// includes from there.
func Hash(folder fs.FS, source string) (string, error) {
	h := sha256.New()
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		for _, found := range include.FindAllSubmatch(text, -1) {
			// The test driver's half of the language is not for cards.
			if next := path.Join(path.Dir(name), string(found[1])); next != "host.h" {
				if err := add(next); err != nil {
					return fmt.Errorf("%s includes %s: %w", name, next, err)
				}
			}
		}
		return nil
	}
	if err := add(source); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
