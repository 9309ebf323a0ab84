package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
)

var include = regexp.MustCompile(`(?m)^#include "(.*)"`)

// hashOf is a SHA-256, in hexadecimal, of a source file of folder and of all that it
// includes from there.
func hashOf(folder fs.FS, source string) (string, error) {
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
