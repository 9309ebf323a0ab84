package gpt2

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// endOfText is GPT-2's only special token.
const endOfText = "<|endoftext|>"

// vocabulary is GPT-2's byte-level byte-pair encoding.
type vocabulary struct {
	ids       map[string]int32  // by bytes
	ranks     map[[2]string]int // of merges, by the bytes of both sides
	endOfText int32
}

// standIns are the bytes that the characters of vocab.json and merges.txt stand
// for: printable characters of Latin-1 themselves, the others in turn by those
// from U+0100.
var standIns = func() map[rune]byte {
	m, next := map[rune]byte{}, rune(256)
	for b := range rune(256) {
		if b > ' ' && b < 0x7F || b > 0xA0 && b != 0xAD {
			m[b] = byte(b)
		} else {
			m[next] = byte(b)
			next++
		}
	}
	return m
}()

// bytesOf is what a token of the files stands for.
func bytesOf(text string) (string, error) {
	var b []byte
	for _, r := range text {
		c, there := standIns[r]
		if !there {
			return "", fmt.Errorf("%q in %q stands for no byte", r, text)
		}
		b = append(b, c)
	}
	return string(b), nil
}

// readVocabulary reads the files in folder. The tokens must be 0 to size-1.
func readVocabulary(folder string, size int) (*vocabulary, error) {
	v := &vocabulary{ids: map[string]int32{}, ranks: map[[2]string]int{}}
	for _, part := range []struct {
		name string
		read func([]byte, int) error
	}{{vocabularyName, v.readTokens}, {mergesName, v.readMerges}} {
		path := filepath.Join(folder, part.name)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, missing(err)
		}
		if err := part.read(data, size); err != nil {
			return nil, fmt.Errorf("read %s: %w; take the file that was published with the weights", path, err)
		}
	}
	return v, nil
}

func (v *vocabulary) readTokens(data []byte, size int) error {
	var tokens map[string]int32
	if err := json.Unmarshal(data, &tokens); err != nil {
		return err
	}
	if len(tokens) != size {
		return fmt.Errorf("it has %d tokens, and wte.weight %d rows", len(tokens), size)
	}
	seen := make([]bool, size)
	for text, id := range tokens {
		if id < 0 || int(id) >= size || seen[id] {
			return fmt.Errorf("token %q has id %d, which is not one of its own from 0 to %d", text, id, size-1)
		}
		seen[id] = true
		key, err := bytesOf(text)
		if err != nil {
			return err
		}
		v.ids[key] = id
	}
	var there bool
	if v.endOfText, there = v.ids[endOfText]; !there {
		return fmt.Errorf("it has no %s", endOfText)
	}
	return nil
}

func (v *vocabulary) readMerges(data []byte, _ int) error {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || number == 1 && strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, found := strings.Cut(line, " ")
		l, err := bytesOf(left)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		r, err := bytesOf(right)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if _, there := v.ids[l+r]; !there || !found || l == "" || r == "" {
			return fmt.Errorf("line %d: %q is no merge to a token of %s", number, line, vocabularyName)
		}
		v.ranks[[2]string{l, r}] = number
	}
	return nil
}

// counterparts are GPT-2's tokens for one of ours, given as its bytes, with a
// space behind them if it ends a word; none if GPT-2 lacks one of the bytes.
func (v *vocabulary) counterparts(text string) []int32 {
	word, ends := strings.CutSuffix(text, " ")
	if word == "" {
		word = text // the space itself
	}
	first, n := utf8.DecodeRuneInString(word)
	cases := []string{word}
	if utf8.ValidString(word) { // and not a part of a character
		cases = append(cases, string(unicode.ToTitle(first))+word[n:], strings.ToUpper(word))
	}
	spaces := []string{"", " "}
	if ends && (unicode.IsLetter(first) || unicode.IsNumber(first)) {
		spaces = []string{" ", ""}
	}
	for _, space := range spaces {
		for _, s := range cases {
			if id, there := v.ids[space+s]; there {
				return []int32{id}
			}
		}
	}
	return v.encode(spaces[0] + word)
}

// encode merges the bytes of a text: of all neighbours that merge, those of the
// earliest line, the leftmost of several, until none is left.
func (v *vocabulary) encode(text string) []int32 {
	var parts []string
	for i := range len(text) {
		parts = append(parts, text[i:i+1])
	}
	for {
		best, at := 0, 0
		for i := range len(parts) - 1 {
			if rank := v.ranks[[2]string{parts[i], parts[i+1]}]; rank > 0 && (best == 0 || rank < best) {
				best, at = rank, i
			}
		}
		if best == 0 {
			break
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
	var ids []int32
	for _, part := range parts {
		id, there := v.ids[part]
		if !there {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}
