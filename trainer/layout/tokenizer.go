package layout

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

// simpleName is the merges of a vocabulary as open_clip's SimpleTokenizer reads
// them: gzipped, without a newline at the end, which it takes for one merge more.
// It reads no more merges than the public vocabulary has.
const simpleName = "bpe_vocabulary.txt.gz"

// Words for the start and the end of a caption in transformers' CLIPTokenizer.
const (
	startWord = "<|startoftext|>"
	endWord   = "<|endoftext|>"
)

func simpleVocabulary(v *token.Vocabulary) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(bytes.TrimSuffix(v.Encode(), []byte{'\n'}))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", simpleName, err)
	}
	return b.Bytes(), nil
}

// tokenizer are the files of transformers' CLIPTokenizer. Captions are padded by
// the end token: in a model that reads the first of them, nothing after it counts.
func tokenizer(c clip.Config, v *token.Vocabulary) (map[string][]byte, error) {
	words := bytes.NewBufferString("{")
	for id, symbol := range append(v.Symbols(), startWord, endWord) {
		if id > 0 {
			words.WriteByte(',')
		}
		name, err := encode(symbol)
		if err != nil {
			return nil, fmt.Errorf("write vocab.json: %w", err)
		}
		fmt.Fprintf(words, "\n%s: %d", bytes.TrimSpace(name), id)
	}
	words.WriteString("\n}\n")
	config, err := encode(struct {
		Class string `json:"tokenizer_class"`
		Start string `json:"bos_token"`
		End   string `json:"eos_token"`
		Other string `json:"unk_token"`
		Pad   string `json:"pad_token"`
		Lower bool   `json:"do_lower_case"`
		Most  int    `json:"model_max_length"`
	}{"CLIPTokenizer", startWord, endWord, endWord, endWord, true, c.Context})
	if err != nil {
		return nil, fmt.Errorf("write tokenizer_config.json: %w", err)
	}
	return map[string][]byte{"vocab.json": words.Bytes(), "merges.txt": v.Encode(), "tokenizer_config.json": config}, nil
}

// encode is JSON for people: indented, with < and > as they are.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(value)
	return b.Bytes(), err
}
