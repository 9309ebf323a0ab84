package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

// The keys of open_clip_config.json that say something else than a CLIP of ours, each
// with the values that say nothing: null and false say nothing anywhere. Keys of which
// no vector depends have no values.
var (
	inert        = []any(nil)
	blockNeutral = map[string][]any{
		"mlp_ratio": {4.0}, "ls_init_value": {}, "act_kwargs": {map[string]any{}}, "norm_kwargs": {map[string]any{}, map[string]any{"eps": 1e-5}},
		"block_type": {"default"}, "qk_norm": {}, "scaled_cosine_attn": {}, "scale_heads": {}, "scale_attn_inner": {}, "scale_attn": {}, "scale_fc": {},
		"final_ln_after_pool": {}, "output_tokens": inert,
	}
	visionNeutral = map[string][]any{
		"image_size": inert, "layers": inert, "width": inert, "head_width": inert, "patch_size": inert, "patch_dropout": inert,
		"attentional_pool": {}, "attn_pooler_queries": inert, "attn_pooler_heads": inert, "no_ln_pre": {}, "pos_embed_type": {"learnable"}, "pool_type": {"tok"},
		"timm_model_name": {}, "timm_model_pretrained": inert, "timm_pool": inert, "timm_proj": inert, "timm_proj_bias": inert, "timm_drop": inert, "timm_drop_path": inert,
	}
	textNeutral = map[string][]any{
		"context_length": inert, "vocab_size": inert, "width": inert, "heads": inert, "layers": inert, "hf_tokenizer_name": inert, "tokenizer_kwargs": inert,
		"tokenizer_mode": {"clip"}, "embed_cls": {}, "pad_id": inert, "eos_id": inert, "no_causal_mask": {}, "pool_type": {"argmax"}, "proj_bias": {}, "proj_type": {"linear"},
		"hf_model_name": {}, "hf_model_pretrained": inert, "hf_proj_type": inert, "hf_pooler_type": inert,
	}
	modelNeutral = map[string][]any{
		"embed_dim": inert, "quick_gelu": inert, "vision_cfg": inert, "text_cfg": inert, "init_logit_bias": inert, "init_logit_scale": inert,
		"nonscalar_logit_scale": inert, "custom_text": inert, "output_dict": inert, "multimodal_cfg": {},
	}
	preprocessNeutral = map[string][]any{
		"size": inert, "mean": inert, "std": inert, "mode": {"RGB"}, "interpolation": {"bicubic"}, "resize_mode": {"shortest"}, "fill_color": inert,
	}
)

// neutral holds that a part of a configuration asks for nothing that is not here.
func neutral(part string, text []byte, tables ...map[string][]any) error {
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	for _, key := range slices.Sorted(maps.Keys(content)) {
		value, known := content[key], false
		for _, table := range tables {
			values, there := table[key]
			known = known || there && (values == nil || value == nil || value == false ||
				slices.ContainsFunc(values, func(v any) bool { return reflect.DeepEqual(v, value) }))
		}
		if !known {
			shown, _ := json.Marshal(value) // it comes from JSON
			return fmt.Errorf("%s: %s is %s, which pairloom has not", part, key, shown)
		}
	}
	return nil
}

// sides is a number of pixels, or two that are equal.
type sides int

func (s *sides) UnmarshalJSON(text []byte) error {
	var one int
	if json.Unmarshal(text, &one) == nil {
		*s = sides(one)
		return nil
	}
	var two []int
	if err := json.Unmarshal(text, &two); err != nil || len(two) != 2 || two[0] != two[1] {
		return fmt.Errorf("a size of %s pixels is given, one number or two equal ones expected", text)
	}
	*s = sides(two[0])
	return nil
}

// layers is a ViT's number of layers, or a ResNet's four.
type layers struct {
	count  int
	blocks [4]int
}

func (l *layers) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &l.count) == nil {
		return nil
	}
	var list []int
	if err := json.Unmarshal(text, &list); err != nil || len(list) != len(l.blocks) {
		return fmt.Errorf("layers is %s, a number or four of them expected", text)
	}
	l.count = 0
	copy(l.blocks[:], list)
	return nil
}

// fromOpenCLIP is told by the text of an open_clip_config.json. What it leaves out has
// open_clip's defaults (its CLIPVisionCfg, CLIPTextCfg and PreprocessCfg).
func (g *Given) fromOpenCLIP(folder string, text []byte) error {
	var parts struct {
		Model      json.RawMessage `json:"model_cfg"`
		Preprocess json.RawMessage `json:"preprocess_cfg"`
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if parts.Model == nil {
		return errors.New("it has no model_cfg")
	}
	var m struct {
		Embed     int             `json:"embed_dim"`
		QuickGELU bool            `json:"quick_gelu"`
		Vision    json.RawMessage `json:"vision_cfg"`
		Text      json.RawMessage `json:"text_cfg"`
	}
	v := struct {
		Size      sides  `json:"image_size"`
		Layers    layers `json:"layers"`
		Width     int    `json:"width"`
		HeadWidth int    `json:"head_width"`
		Patch     sides  `json:"patch_size"`
	}{224, layers{count: 12}, 768, 64, 16}
	t := openCLIPText{Context: 77, Vocabulary: token.PublicSize, Width: 512, Heads: 8, Layers: 12}
	p := struct {
		Size      sides     `json:"size"`
		Mean      []float64 `json:"mean"`
		Deviation []float64 `json:"std"`
	}{0, slices.Clone(mean[:]), slices.Clone(deviation[:])}
	for _, part := range []struct {
		name   string
		text   *json.RawMessage
		into   any
		tables []map[string][]any
	}{
		{"model_cfg", &parts.Model, &m, []map[string][]any{modelNeutral}},
		{"vision_cfg", &m.Vision, &v, []map[string][]any{visionNeutral, blockNeutral}},
		{"text_cfg", &m.Text, &t, []map[string][]any{textNeutral, blockNeutral}},
		{"preprocess_cfg", &parts.Preprocess, &p, []map[string][]any{preprocessNeutral}},
	} {
		if *part.text == nil {
			continue
		}
		if err := neutral(part.name, *part.text, part.tables...); err != nil {
			return err
		}
		if err := json.Unmarshal(*part.text, part.into); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	c := clip.Config{Embed: m.Embed, QuickGELU: m.QuickGELU, Resolution: int(v.Size), Width: v.Width, Layers: v.Layers.count, Blocks: v.Layers.blocks,
		TextWidth: t.Width, TextLayers: t.Layers, TextHeads: t.Heads, Context: t.Context}
	if v.HeadWidth < 1 {
		return fmt.Errorf("vision_cfg: head_width is %d", v.HeadWidth)
	}
	if c.Heads = v.Width / v.HeadWidth; c.IsResNet() {
		c.Heads = 32 * v.Width / v.HeadWidth // of the last layer's channels
	} else {
		c.Patch = int(v.Patch)
	}
	if p.Size != 0 && p.Size != v.Size {
		return fmt.Errorf("preprocess_cfg: size is %d, and the model looks at %d pixels", p.Size, v.Size)
	}
	if err := g.tell(c, p.Mean, p.Deviation); err != nil {
		return err
	}
	if t.Tokenizer != "" {
		if clean := t.Arguments["clean"]; clean == "canonicalize" {
			return fmt.Errorf("text_cfg: tokenizer_kwargs asks for clean: %s, which pairloom has not", clean)
		}
		return g.mustReadVocabulary(folder)
	}
	// open_clip has its own tokenizer then, whatever lies there.
	return g.public(t.Vocabulary)
}

// tell keeps what a configuration says.
func (g *Given) tell(c clip.Config, mean, deviation []float64) (err error) {
	if g.Mean, err = normal("the mean of pictures", mean, 0); err != nil {
		return err
	}
	if g.Deviation, err = normal("the deviation of pictures", deviation, 1e-3); err != nil {
		return err
	}
	c, _ = c.Named()
	g.Config = &c
	return nil
}
