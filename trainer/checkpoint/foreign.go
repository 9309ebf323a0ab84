package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotSafetensors is wrapped where a file of another kind was given for weights.
var ErrNotSafetensors = errors.New("it is no safetensors file")

// foreign says what a file is that has no header of safetensors, and how to come to
// one; cause says what is wrong with it as a safetensors file.
func foreign(path string, r io.ReaderAt, cause error) error {
	start := make([]byte, 4096)
	n, _ := r.ReadAt(start, 0) // of a short file, what there is
	start = start[:n]
	switch text := strings.ToLower(string(bytes.TrimSpace(start))); {
	case bytes.HasPrefix(start, []byte("version https://git-lfs.github.com/spec/")):
		return fmt.Errorf("%w but git-lfs's pointer to one, which lies where the repository was cloned from; fetch it there with: git lfs pull", ErrNotSafetensors)
	case pickled(start):
		return fmt.Errorf("%w but a pickle of PyTorch's; this command makes one:\n%s", ErrNotSafetensors, conversion(path, jitted(r)))
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return fmt.Errorf("%w but a web page; download the file itself", ErrNotSafetensors)
	}
	return fmt.Errorf("%w: %w; give a whole one with public names", ErrNotSafetensors, cause)
}

// pickled tells whether data begins as what torch.save has written: a ZIP archive
// since PyTorch 1.6, before that a pickle of protocol 2 or later.
func pickled(data []byte) bool {
	return bytes.HasPrefix(data, []byte("PK\x03\x04")) || len(data) > 1 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5
}

// jitted tells whether a ZIP archive holds code, as OpenAI's files do, which are
// TorchScript: the names of all its members are near its end, those of the first at
// its start.
func jitted(r io.ReaderAt) bool {
	mark := []byte("/code/__torch__")
	piece := make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(piece) - len(mark)) {
		n, err := r.ReadAt(piece, at)
		if bytes.Contains(piece[:n], mark) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// conversion makes the safetensors file beside the pickle. Those of open_clip's
// training have the weights under state_dict, behind module. where several processes
// made them; tensors that share memory are parted.
func conversion(path string, jit bool) string {
	load := "torch.load(p, map_location=\"cpu\", weights_only=True)"
	if jit {
		load = "torch.jit.load(p, map_location=\"cpu\").state_dict()"
	}
	return fmt.Sprintf(`    python -c 'import sys, torch, safetensors.torch as s; p = sys.argv[1]; w = %s; w = w.get("state_dict", w); s.save_file({k.removeprefix("module."): v.clone().contiguous() for k, v in w.items() if torch.is_tensor(v)}, p + ".safetensors")' %s`,
		load, shellQuoted(path))
}

// shellQuoted is a word for a shell.
func shellQuoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
