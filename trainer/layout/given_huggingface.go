package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

const (
	huggingFaceName  = "config.json"
	preprocessorName = "preprocessor_config.json"
)

// fromHuggingFace is told by the text of a config.json, and by the
// preprocessor_config.json beside it. What it leaves out has the defaults of
// transformers' CLIPTextConfig and CLIPVisionConfig.
func (g *Given) fromHuggingFace(folder string, text []byte) error {
	texts := huggingFaceTower{Width: 512, Inner: 2048, Layers: 12, Heads: 8, Activation: "quick_gelu", Epsilon: 1e-5, Vocabulary: token.PublicSize, Context: 77, End: 2}
	vision := struct {
		huggingFaceTower
		Size  sides `json:"image_size"`
		Patch sides `json:"patch_size"`
	}{huggingFaceTower{Width: 768, Inner: 3072, Layers: 12, Heads: 12, Activation: "quick_gelu", Epsilon: 1e-5, Channels: 3}, 224, 32}
	f := struct {
		Type  string `json:"model_type"`
		Embed int    `json:"projection_dim"`
	}{Embed: 512}
	var parts map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &parts), json.Unmarshal(text, &f)); err != nil {
		return err
	}
	if f.Type != "clip" {
		return fmt.Errorf("its model_type is %q, clip expected: pairloom has no other model of transformers", f.Type)
	}
	// The second of each is of older versions, and counts where both are there.
	for _, part := range []struct {
		key  string
		into any
	}{{"text_config", &texts}, {"text_config_dict", &texts}, {"vision_config", &vision}, {"vision_config_dict", &vision}} {
		if parts[part.key] == nil {
			continue
		}
		if err := json.Unmarshal(parts[part.key], part.into); err != nil {
			return fmt.Errorf("%s: %w", part.key, err)
		}
	}
	for _, t := range []struct {
		name string
		huggingFaceTower
	}{{"text_config", texts}, {"vision_config", vision.huggingFaceTower}} {
		switch {
		case t.Activation != "gelu" && t.Activation != "quick_gelu":
			return fmt.Errorf("%s: hidden_act is %q, gelu or quick_gelu expected", t.name, t.Activation)
		case t.Activation != texts.Activation:
			return fmt.Errorf("hidden_act is %q in the text tower and %q in the other; pairloom has one for both", texts.Activation, t.Activation)
		case t.Inner != expansion*t.Width:
			return fmt.Errorf("%s: intermediate_size is %d, %d times hidden_size (%d) expected", t.name, t.Inner, expansion, t.Width)
		case math.Abs(t.Epsilon-1e-5) > 1e-12:
			return fmt.Errorf("%s: layer_norm_eps is %g, 1e-5 expected", t.name, t.Epsilon)
		}
	}
	if vision.Channels != 3 {
		return fmt.Errorf("vision_config: num_channels is %d, 3 expected", vision.Channels)
	}
	// With an end of 2, which was written by mistake, transformers takes the largest token.
	if end := texts.End; end != 2 && end != texts.Vocabulary-1 {
		return fmt.Errorf("text_config: eos_token_id is %d, the last token (%d) expected", end, texts.Vocabulary-1)
	}
	c := clip.Config{Embed: f.Embed, QuickGELU: texts.Activation == "quick_gelu", Resolution: int(vision.Size), Patch: int(vision.Patch),
		Width: vision.Width, Layers: vision.Layers, Heads: vision.Heads,
		TextWidth: texts.Width, TextLayers: texts.Layers, TextHeads: texts.Heads, Context: texts.Context}
	means, deviations, err := preprocessor(filepath.Join(folder, preprocessorName), c.Resolution)
	if err != nil {
		return err
	}
	if err := g.tell(c, means, deviations); err != nil {
		return err
	}
	if err := g.readVocabulary(folder); err != nil || g.Vocabulary != nil {
		return err
	}
	return g.public(texts.Vocabulary)
}

// pixelsOf is a number of pixels as transformers writes it: alone, or by a side's name.
type pixelsOf int

func (p *pixelsOf) UnmarshalJSON(text []byte) error {
	var one int
	if json.Unmarshal(text, &one) == nil {
		*p = pixelsOf(one)
		return nil
	}
	var named map[string]int
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	short, square := named["shortest_edge"], named["height"]
	if len(named) == 1 && short > 0 {
		*p = pixelsOf(short)
		return nil
	}
	if len(named) != 2 || square != named["width"] || square <= 0 {
		return fmt.Errorf("a size of %s is given, shortest_edge or equal height and width expected", text)
	}
	*p = pixelsOf(square)
	return nil
}

// preprocessor reads how pictures are prepared: as the model's are here, but for mean
// and deviation. Where there is no file it is CLIP's way.
func preprocessor(path string, side int) (means, deviations []float64, err error) {
	text, err := smallFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return mean[:], deviation[:], nil
	}
	if err != nil {
		return nil, nil, err
	}
	p := struct {
		Resize    *bool           `json:"do_resize"`
		Short     json.RawMessage `json:"size"`
		Resample  *int            `json:"resample"`
		Crop      *bool           `json:"do_center_crop"`
		Square    *pixelsOf       `json:"crop_size"`
		Rescale   *bool           `json:"do_rescale"`
		Factor    *float64        `json:"rescale_factor"`
		Normalize *bool           `json:"do_normalize"`
		Mean      []float64       `json:"image_mean"`
		Deviation []float64       `json:"image_std"`
	}{Mean: slices.Clone(mean[:]), Deviation: slices.Clone(deviation[:])}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	off := func(b *bool) bool { return b != nil && !*b }
	short, sized := pixelsOf(side), map[string]int{}
	if p.Short != nil {
		if err := json.Unmarshal(p.Short, &short); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		_ = json.Unmarshal(p.Short, &sized) // a number alone is the short side, too
	}
	switch {
	case off(p.Resize), off(p.Crop), off(p.Rescale), off(p.Normalize):
		err = errors.New("one of do_resize, do_center_crop, do_rescale and do_normalize is false; all of them are done here")
	case sized["height"] > 0:
		err = errors.New("size has a height and a width: pictures would be squeezed to a square, which pairloom does not do")
	case int(short) != side, p.Square != nil && int(*p.Square) != side:
		err = fmt.Errorf("size or crop_size is not that of the model, %d pixels", side)
	case p.Resample != nil && *p.Resample != 3: // Pillow's number of bicubic
		err = fmt.Errorf("resample is %d, bicubic (3) expected", *p.Resample)
	case p.Factor != nil && math.Abs(*p.Factor*255-1) > 1e-6:
		err = fmt.Errorf("rescale_factor is %g, 1/255 expected", *p.Factor)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.Mean, p.Deviation, nil
}
