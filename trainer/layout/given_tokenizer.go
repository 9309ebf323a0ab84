package layout

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/token"
)

// Names of files of CLIP's tokenizer, beside those of pairloom's own.
const (
	wordsName     = "vocab.json"
	mergesName    = "merges.txt"
	tokenizerName = "tokenizer.json"
)

// vocabularies are the files that say what tokens mean, the first that is there counts.
var vocabularies = []struct {
	name string
	read func(folder string, text []byte) (*token.Vocabulary, error)
}{
	{checkpoint.VocabularyName, func(_ string, text []byte) (*token.Vocabulary, error) { return token.Parse(text, 0) }},
	{mergesName, mergesAndWords},
	{tokenizerName, fastTokenizer},
	{simpleName, unpacked},
}

// otherTokenizers are the files of tokenizers that are not here.
var otherTokenizers = map[string]string{
	"spiece.model": "SentencePiece", "tokenizer.model": "SentencePiece", "sentencepiece.bpe.model": "SentencePiece", "vocab.txt": "WordPiece",
}

// readVocabulary looks for the vocabulary beside the weights; there may be none.
func (g *Given) readVocabulary(folder string) error {
	for _, v := range vocabularies {
		path := filepath.Join(folder, v.name)
		text, err := smallFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			g.Vocabulary, err = v.read(folder, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		g.VocabularyFile = path
		return g.sized()
	}
	if g.Tokens() == token.PublicSize {
		return nil
	}
	for name, kind := range otherTokenizers {
		if path := filepath.Join(folder, name); regular(path) {
			return fmt.Errorf("%s: its tokenizer is one of %s, which pairloom has not: it reads byte-level byte-pair encodings as CLIP's", path, kind)
		}
	}
	return nil
}

// mustReadVocabulary is readVocabulary where there must be one.
func (g *Given) mustReadVocabulary(folder string) error {
	err := g.readVocabulary(folder)
	if err == nil && g.Vocabulary == nil {
		err = fmt.Errorf("it names a tokenizer of its own, and %s has none; put its %s or its %s there", folder, mergesName, tokenizerName)
	}
	return err
}

// public takes the public vocabulary, of which the program has a copy.
func (g *Given) public(size int) error {
	if size != token.PublicSize {
		return fmt.Errorf("its vocabulary has %d tokens, and nothing beside it says what they are; put its %s and its %s there", size, wordsName, mergesName)
	}
	g.Vocabulary = token.Public()
	return g.sized()
}

// Tokens is the number of tokens that the weights have a row for; 0 for a model that
// reads no texts.
func (g *Given) Tokens() int {
	for _, f := range g.Weights.Files {
		for _, s := range f.Tensors {
			if strings.HasSuffix(s.Name, "token_embedding.weight") && len(s.Shape) == 2 {
				return s.Shape[0]
			}
		}
	}
	return 0
}

// sized holds the vocabulary against the weights.
func (g *Given) sized() error {
	if n := g.Tokens(); n != 0 && n != g.Vocabulary.Size() {
		from := g.VocabularyFile
		if from == "" {
			from = "the public vocabulary"
		}
		return fmt.Errorf("the weights have rows for %d tokens, and %s has %d", n, from, g.Vocabulary.Size())
	}
	return nil
}

func mergesAndWords(folder string, merges []byte) (*token.Vocabulary, error) {
	v, err := parseMerges(merges)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, wordsName)
	text, err := smallFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	var words map[string]int
	if err == nil {
		err = json.Unmarshal(text, &words)
	}
	if err == nil {
		err = numbered(v, words)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// parseMerges reads merges whose last line may lack its end.
func parseMerges(text []byte) (*token.Vocabulary, error) {
	return token.Parse(append(bytes.TrimRight(text, "\n"), '\n'), 0)
}

// numbered holds that a list of words gives the tokens the numbers that follow from
// the merges.
func numbered(v *token.Vocabulary, words map[string]int) error {
	if len(words) != v.Size() {
		return fmt.Errorf("it has %d words, %d expected by the merges", len(words), v.Size())
	}
	for id, symbol := range append(v.Symbols(), startWord, endWord) {
		if at, there := words[symbol]; !there || at != id {
			return fmt.Errorf("the word %q is not number %d, as it is in CLIP's tokenizer", symbol, id)
		}
	}
	return nil
}

// fastTokenizer reads the tokenizer.json of transformers.
func fastTokenizer(_ string, text []byte) (*token.Vocabulary, error) {
	var f struct {
		Model struct {
			Type   string            `json:"type"`
			Suffix string            `json:"end_of_word_suffix"`
			Words  map[string]int    `json:"vocab"`
			Merges []json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Model.Type != "BPE" || f.Model.Suffix != "</w>" {
		return nil, fmt.Errorf("its tokenizer is of type %q with the end of a word %q; pairloom reads byte-level BPE as CLIP's, whose words end in </w>", f.Model.Type, f.Model.Suffix)
	}
	merges := []byte("#version: 0.2\n")
	for _, raw := range f.Model.Merges {
		var line string
		var two []string
		if json.Unmarshal(raw, &line) != nil {
			if err := json.Unmarshal(raw, &two); err != nil {
				return nil, err
			}
			line = strings.Join(two, " ")
		}
		merges = append(append(merges, line...), '\n')
	}
	v, err := parseMerges(merges)
	if err != nil {
		return nil, err
	}
	return v, numbered(v, f.Model.Words)
}

// unpacked reads merges as open_clip's SimpleTokenizer has them.
func unpacked(_ string, text []byte) (*token.Vocabulary, error) {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	merges, err := io.ReadAll(io.LimitReader(r, largestText))
	if err != nil {
		return nil, err
	}
	return parseMerges(merges)
}
