package layout

import (
	"errors"
	"fmt"
	"maps"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

// ErrNoModel is wrapped when the other program has no model of that kind.
var ErrNoModel = errors.New("has no such model")

// Each layer's multilayer perceptron is as much wider than the layer.
const expansion = 4

type huggingFaceConfig struct {
	Architectures []string         `json:"architectures"`
	Type          string           `json:"model_type"`
	Embed         int              `json:"projection_dim"`
	Scale         float64          `json:"logit_scale_init_value"`
	Text          huggingFaceTower `json:"text_config"`
	Vision        huggingFaceTower `json:"vision_config"`
	DType         string           `json:"dtype"`
}

type huggingFaceTower struct {
	Type       string  `json:"model_type"`
	Width      int     `json:"hidden_size"`
	Inner      int     `json:"intermediate_size"`
	Embed      int     `json:"projection_dim"`
	Layers     int     `json:"num_hidden_layers"`
	Heads      int     `json:"num_attention_heads"`
	Activation string  `json:"hidden_act"`
	Epsilon    float64 `json:"layer_norm_eps"`

	Vocabulary int `json:"vocab_size,omitempty"`
	Context    int `json:"max_position_embeddings,omitempty"`
	Start      int `json:"bos_token_id,omitempty"`
	End        int `json:"eos_token_id,omitempty"`
	Pad        int `json:"pad_token_id,omitempty"`

	Size     int `json:"image_size,omitempty"`
	Patch    int `json:"patch_size,omitempty"`
	Channels int `json:"num_channels,omitempty"`
}

// HuggingFace are the files that transformers' CLIPModel, its tokenizer and its
// image processor read beside model.safetensors, by their names. The weights must
// have the names of clip.HuggingFaceTensors. For models that transformers does not
// have the error wraps ErrNoModel.
func HuggingFace(c clip.Config, v *token.Vocabulary) (map[string][]byte, error) {
	switch {
	case c.IsResNet():
		return nil, fmt.Errorf("%s is a modified ResNet: transformers %w, its CLIPModel looks at pictures with a ViT alone; use open_clip, which reads the checkpoint as it is (--format open_clip copies it), or train a ViT such as vit-micro", c.Name, ErrNoModel)
	case c.Objective != "":
		return nil, fmt.Errorf("the model's objective is %s: transformers %w; train one with the objective %s", c.Objective, ErrNoModel, clip.Contrastive)
	}
	activation := "gelu"
	if c.QuickGELU {
		activation = "quick_gelu"
	}
	config, err := encode(huggingFaceConfig{
		Architectures: []string{"CLIPModel"}, Type: "clip", Embed: c.Embed, Scale: 2.6592, DType: "float32",
		Text: huggingFaceTower{Type: "clip_text_model", Width: c.TextWidth, Inner: expansion * c.TextWidth, Embed: c.Embed, Layers: c.TextLayers, Heads: c.TextHeads,
			Activation: activation, Epsilon: 1e-5, Vocabulary: v.Size(), Context: c.Context, Start: int(v.Start()), End: int(v.End()), Pad: int(v.End())},
		Vision: huggingFaceTower{Type: "clip_vision_model", Width: c.Width, Inner: expansion * c.Width, Embed: c.Embed, Layers: c.Layers, Heads: c.Heads,
			Activation: activation, Epsilon: 1e-5, Size: c.Resolution, Patch: c.Patch, Channels: 3},
	})
	if err != nil {
		return nil, fmt.Errorf("write config.json: %w", err)
	}
	type shape struct {
		Height int `json:"height"`
		Width  int `json:"width"`
	}
	pictures, err := encode(struct {
		Type      string         `json:"image_processor_type"`
		RGB       bool           `json:"do_convert_rgb"`
		Resize    bool           `json:"do_resize"`
		Short     map[string]int `json:"size"`
		Resample  int            `json:"resample"` // Pillow's number of bicubic
		Crop      bool           `json:"do_center_crop"`
		Square    shape          `json:"crop_size"`
		Rescale   bool           `json:"do_rescale"`
		Factor    float64        `json:"rescale_factor"`
		Normalize bool           `json:"do_normalize"`
		Mean      [3]float64     `json:"image_mean"`
		Deviation [3]float64     `json:"image_std"`
	}{"CLIPImageProcessor", true, true, map[string]int{"shortest_edge": c.Resolution}, 3, true, shape{c.Resolution, c.Resolution}, true, 1.0 / 255, true, mean, deviation})
	if err != nil {
		return nil, fmt.Errorf("write preprocessor_config.json: %w", err)
	}
	files, err := tokenizer(c, v)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, map[string][]byte{"config.json": config, "preprocessor_config.json": pictures})
	return files, nil
}
