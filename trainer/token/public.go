package token

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"sync"
)

// The first 48,894 merges of CLIP's public vocabulary; source and licence are in
// public/README.md.
//
//go:embed public/merges.txt.gz
var publicMerges []byte

// PublicSize is the number of tokens of the public vocabulary.
const PublicSize = 49408

// Public is the vocabulary of the released CLIP models and of open_clip: 49,408
// tokens, start 49406, end 49407. It is unpacked once, at the first call, in
// about 20 ms.
func Public() *Vocabulary { return public() }

var public = sync.OnceValue(func() *Vocabulary {
	unpacked, err := gzip.NewReader(bytes.NewReader(publicMerges))
	if err != nil {
		panic(err) // the file is part of the program
	}
	data, err := io.ReadAll(unpacked)
	if err != nil {
		panic(err)
	}
	v, err := Parse(data, PublicSize)
	if err != nil {
		panic(err)
	}
	return v
})
