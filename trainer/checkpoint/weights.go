package checkpoint

import (
	"bytes"
	"fmt"
	"os"
)

// ReadWeights reads a safetensors file that stands alone, such as open_clip's.
func ReadWeights(path string) (map[string]Tensor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read weights: %w", err)
	}
	weights, err := finiteTensors(data)
	if err == nil {
		return weights, nil
	}
	if pickled(data) {
		return nil, fmt.Errorf("read weights %s: it is a pickle of PyTorch's, and only safetensors are read; these lines of Python make one:\n%s", path, conversion(path, data))
	}
	return nil, fmt.Errorf("read weights %s: %w; give a whole safetensors file with public names", path, err)
}

// pickled tells whether data begins as what torch.save has written: a ZIP archive
// since PyTorch 1.6, before that a pickle of protocol 2 or later.
func pickled(data []byte) bool {
	return bytes.HasPrefix(data, []byte("PK\x03\x04")) || len(data) > 1 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5
}

// conversion makes the safetensors file beside the pickle. OpenAI's files are
// TorchScript, which holds code; those of open_clip's training have the weights
// under state_dict.
func conversion(path string, data []byte) string {
	load := fmt.Sprintf("torch.load(%q, map_location=\"cpu\", weights_only=True)", path)
	if bytes.Contains(data, []byte("/code/__torch__")) {
		load = fmt.Sprintf("torch.jit.load(%q, map_location=\"cpu\").state_dict()", path)
	}
	return fmt.Sprintf(`    import torch, safetensors.torch; w = %s
    safetensors.torch.save_file({k.removeprefix("module."): v.clone() for k, v in w.get("state_dict", w).items()}, %q)`, load, path+".safetensors")
}
