package layout

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

// Mean and deviation of the public models, for red, green and blue.
var (
	mean      = [3]float64{0.48145466, 0.4578275, 0.40821073}
	deviation = [3]float64{0.26862954, 0.26130258, 0.27577711}
)

// ConfigName is the name of the file that open_clip reads in a folder.
const ConfigName = "open_clip_config.json"

// firstBias is SigLIP's first logit bias (arXiv 2303.15343), which the weights
// replace: it tells open_clip that there is one.
const firstBias = -10

type openCLIPConfig struct {
	Model struct {
		Embed     int            `json:"embed_dim"`
		QuickGELU bool           `json:"quick_gelu"`
		Bias      *float64       `json:"init_logit_bias,omitempty"`
		Vision    openCLIPVision `json:"vision_cfg"`
		Text      openCLIPText   `json:"text_cfg"`
	} `json:"model_cfg"`
	Preprocess struct {
		Size          int        `json:"size"`
		Mode          string     `json:"mode"`
		Mean          [3]float64 `json:"mean"`
		Deviation     [3]float64 `json:"std"`
		Interpolation string     `json:"interpolation"`
		Resize        string     `json:"resize_mode"`
	} `json:"preprocess_cfg"`
}

type openCLIPVision struct {
	Size      int `json:"image_size"`
	Layers    any `json:"layers"` // a number, or a ResNet's four
	Width     int `json:"width"`
	HeadWidth int `json:"head_width"`
	Patch     int `json:"patch_size,omitempty"`
}

type openCLIPText struct {
	Context    int `json:"context_length"`
	Vocabulary int `json:"vocab_size"`
	Width      int `json:"width"`
	Heads      int `json:"heads"`
	Layers     int `json:"layers"`
	// Tokenizer, where it is set, makes open_clip read the tokenizer of the folder
	// that this file lies in, by transformers, whatever the name; where it is not,
	// the public one.
	Tokenizer string         `json:"hf_tokenizer_name,omitempty"`
	Arguments map[string]any `json:"tokenizer_kwargs,omitempty"`
}

// OpenCLIP are the files that open_clip reads beside model.safetensors, by their
// names; bias tells whether the weights have SigLIP's. There are none, without an
// error, for a model of another objective than clip.Contrastive: open_clip has no
// place for what that learned.
func OpenCLIP(c clip.Config, v *token.Vocabulary, bias bool) (map[string][]byte, error) {
	if c.Objective != "" {
		return nil, nil
	}
	var f openCLIPConfig
	m := &f.Model
	m.Embed, m.QuickGELU = c.Embed, c.QuickGELU
	if bias {
		first := float64(firstBias)
		m.Bias = &first
	}
	m.Vision = openCLIPVision{Size: c.Resolution, Layers: c.Layers, Width: c.Width, Patch: c.Patch, HeadWidth: c.Width / c.Heads}
	if c.IsResNet() {
		m.Vision.Layers, m.Vision.HeadWidth = c.Blocks, 32*c.Width/c.Heads // of the last layer's channels
	}
	m.Text = openCLIPText{Context: c.Context, Vocabulary: v.Size(), Width: c.TextWidth, Heads: c.TextHeads, Layers: c.TextLayers}
	if !v.IsPublic() {
		m.Text.Tokenizer = c.Name
		m.Text.Arguments = map[string]any{"clean": "lower"} // as open_clip's own tokenizer
	}
	p := &f.Preprocess
	p.Size, p.Mode, p.Mean, p.Deviation, p.Interpolation, p.Resize = c.Resolution, "RGB", mean, deviation, "bicubic", "shortest"
	text, err := encode(f)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", ConfigName, err)
	}
	files, err := tokenizer(c, v)
	if err != nil {
		return nil, err
	}
	files[ConfigName] = text
	if v.Size() <= token.PublicSize {
		if files[simpleName], err = simpleVocabulary(v); err != nil {
			return nil, err
		}
	}
	return files, nil
}
