package clip

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer/nn"
)

// Tensors of Hugging Face's CLIPModel, by their names there and here. Linear
// layers lie there as [out,in], also the two projections.
var (
	huggingFace = map[string]string{
		"logit_scale": "logit_scale",
		"text_model.embeddings.token_embedding.weight":      "token_embedding.weight",
		"text_model.embeddings.position_embedding.weight":   "positional_embedding",
		"text_model.final_layer_norm.weight":                "ln_final.weight",
		"text_model.final_layer_norm.bias":                  "ln_final.bias",
		"text_projection.weight":                            "text_projection",
		"vision_model.embeddings.class_embedding":           "visual.class_embedding",
		"vision_model.embeddings.patch_embedding.weight":    "visual.conv1.weight",
		"vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
		"vision_model.pre_layrnorm.weight":                  "visual.ln_pre.weight",
		"vision_model.pre_layrnorm.bias":                    "visual.ln_pre.bias",
		"vision_model.post_layernorm.weight":                "visual.ln_post.weight",
		"vision_model.post_layernorm.bias":                  "visual.ln_post.bias",
		"visual_projection.weight":                          "visual.proj",
	}
	huggingFaceTowers = map[string]string{
		"text_model.encoder.layers.":   "transformer.resblocks.",
		"vision_model.encoder.layers.": "visual.transformer.resblocks.",
	}
	huggingFaceLayers = map[string]string{
		"self_attn.out_proj.": "attn.out_proj.",
		"layer_norm1.":        "ln_1.",
		"layer_norm2.":        "ln_2.",
		"mlp.fc1.":            "mlp.c_fc.",
		"mlp.fc2.":            "mlp.c_proj.",
	}
)

// counters are tensors of released files that no model computes with: OpenAI's
// say what its presets are, Hugging Face's count from 0 to the longest caption.
var (
	openAICounters = []string{"input_resolution", "context_length", "vocab_size"}
	counters       = append([]string{"text_model.embeddings.position_ids", "vision_model.embeddings.position_ids", "attn_mask", "text.attn_mask"}, openAICounters...)
)

// wrappers are put before every name by what a model was saved in: PyTorch's
// DistributedDataParallel, its compiler, and classes around a CLIP.
var wrappers = []string{"module.", "_orig_mod.", "model.", "clip."}

// Forms of names; see [Places].
const (
	OpenCLIPNames    = "open_clip" // ours
	OpenAINames      = "OpenAI"
	HuggingFaceNames = "Hugging Face"
)

// A Place is where a tensor of a file belongs in a Model: the parameter called Name,
// or one of Parts equal parts of it, by rows. Name is "" for one that no model
// computes with.
type Place struct {
	Name        string
	Part, Parts int  // from 0; of 1 for a whole parameter
	Transposed  bool // it lies as [out,in], the parameter as [in,out]
}

// Shape is that which the tensor has for a parameter of that shape.
func (p Place) Shape(parameter []int) []int {
	shape := slices.Clone(parameter)
	if p.Transposed {
		slices.Reverse(shape)
	}
	if len(shape) > 0 {
		shape[0] /= p.Parts
	}
	return shape
}

// whole is the shape of the parameter of which a tensor of that shape is a part.
func (p Place) whole(shape []int) []int {
	shape = slices.Clone(shape)
	if len(shape) > 0 {
		shape[0] *= p.Parts
	}
	if p.Transposed {
		slices.Reverse(shape)
	}
	return shape
}

// Optional tells of the name of a tensor that models may lack, and lose, without
// another vector: SigLIP's bias is of its loss, and PyTorch counts batches in its
// normalisations.
func Optional(name string) bool {
	return name == "logit_bias" || strings.HasSuffix(name, ".num_batches_tracked")
}

// ErrForeign is wrapped where tensors are not those of a CLIP that there is here.
var ErrForeign = errors.New("it is no CLIP with a ViT or a modified ResNet")

// others are models that are known by a part of a tensor's name, and are none of ours.
var others = []struct{ mark, what string }{
	{"visual.trunk.", "its image tower is one of timm's, as SigLIP, ConvNeXt, ViTamin, MobileCLIP, EVA and PE have it"},
	{"vision_model.head.", "it is a SigLIP of transformers: its image tower has an attention pool and no class token"},
	{"text_decoder.", "it is a CoCa, which has a decoder of texts"},
	{"text.transformer.embeddings.", "its text tower is one of transformers, such as BERT"},
	{"text.transformer.encoder.", "its text tower is one of transformers, such as T5"},
	{"visual.attn_pool.", "its image tower ends in an attention pool of open_clip"},
	{".ls_1.gamma", "its layers are scaled (LayerScale)"},
	{"image_encoder.", "its image tower is that of a MobileCLIP"},
	{"qformer.", "it is a BLIP-2"},
	{"h.0.attn.c_attn.", "it is a GPT-2, which train.text_init takes"},
}

// Places finds where in a Model each tensor belongs, by its name, and in whose form
// the names are: open_clip's, OpenAI's, or those of Hugging Face's CLIPModel. Names of
// open_clip's that say text. of the text tower, and names behind module. and the like,
// are taken too.
func Places[T any](tensors map[string]T) (places map[string]Place, form string, err error) {
	names := slices.Sorted(maps.Keys(tensors))
	prefix := wrapper(names)
	for _, name := range names {
		for _, o := range others {
			if strings.Contains(strings.TrimPrefix(name, prefix), o.mark) {
				return nil, "", fmt.Errorf("%w: %s (tensor %s)", ErrForeign, o.what, name)
			}
		}
	}
	has := func(name string) bool { _, there := tensors[prefix+name]; return there }
	form, custom := OpenCLIPNames, has("text.token_embedding.weight")
	switch {
	case has("text_model.embeddings.token_embedding.weight"), has("vision_model.embeddings.patch_embedding.weight"):
		form = HuggingFaceNames
	case !has("visual.conv1.weight"):
		return nil, "", fmt.Errorf("%w: it has none of the names that open_clip, OpenAI or Hugging Face give the first layer, but %s", ErrForeign, strings.Join(names[:min(3, len(names))], ", "))
	case slices.ContainsFunc(openAICounters, has):
		form = OpenAINames
	}
	places = map[string]Place{}
	taken := map[Place]string{}
	for _, name := range names {
		ours := strings.TrimPrefix(name, prefix)
		p := Place{Name: ours, Parts: 1}
		switch {
		case slices.Contains(counters, ours):
			p.Name = ""
		case form == HuggingFaceNames:
			if p, err = fromHuggingFace(ours); err != nil {
				return nil, "", err
			}
		case custom:
			p.Name = strings.TrimPrefix(ours, "text.")
		}
		if other, there := taken[p]; there && p.Name != "" {
			return nil, "", fmt.Errorf("tensors %s and %s are the same of a CLIP", other, name)
		}
		places[name], taken[p] = p, name
	}
	return places, form, nil
}

// wrapper is what stands before all of the names.
func wrapper(names []string) (prefix string) {
	all := func(prefix string) bool {
		return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) })
	}
	for again := true; again; {
		again = false
		for _, w := range wrappers {
			if all(prefix + w) {
				prefix, again = prefix+w, true
			}
		}
	}
	return prefix
}

// fromHuggingFace is the place of the tensor that is called name there.
func fromHuggingFace(name string) (Place, error) {
	if ours, there := huggingFace[name]; there {
		return Place{Name: ours, Parts: 1, Transposed: strings.Contains(name, "_projection.")}, nil
	}
	for tower, blocks := range huggingFaceTowers {
		layer, there := strings.CutPrefix(name, tower)
		if !there {
			continue
		}
		number, part, _ := strings.Cut(layer, ".")
		for theirs, here := range huggingFaceLayers {
			if kind, there := strings.CutPrefix(part, theirs); there {
				return Place{Name: blocks + number + "." + here + kind, Parts: 1}, nil
			}
		}
		// PyTorch's attention has the rows of query, key and value below one another.
		for i, of := range []string{"q", "k", "v"} {
			if kind, there := strings.CutPrefix(part, "self_attn."+of+"_proj."); there {
				return Place{Name: blocks + number + ".attn.in_proj_" + kind, Part: i, Parts: 3}, nil
			}
		}
	}
	return Place{}, fmt.Errorf("tensor %s is none of Hugging Face's CLIPModel", name)
}

// transposed is [in,out] of [out,in].
func transposed(t nn.Tensor) (nn.Tensor, error) {
	if len(t.Shape) != 2 {
		return t, fmt.Errorf("tensor %s has the shape %v, a matrix expected", t.Name, t.Shape)
	}
	rows, cols := t.Shape[0], t.Shape[1]
	x := make([]float32, len(t.Data))
	for r := range rows {
		for c := range cols {
			x[c*rows+r] = t.Data[r*cols+c]
		}
	}
	return nn.Tensor{Name: t.Name, Shape: []int{cols, rows}, Data: x}, nil
}

// HuggingFaceTensors gives the tensors of a Model with a ViT the names and shapes of
// Hugging Face's CLIPModel: [Places] takes them back. SigLIP's bias has no
// place there and is left out; no embedding needs it.
func HuggingFaceTensors(set map[string]nn.Tensor) ([]nn.Tensor, error) {
	theirs := map[string]string{}
	for their, our := range huggingFace {
		theirs[our] = their
	}
	var list []nn.Tensor
	add := func(name string, t nn.Tensor) {
		t.Name = name
		list = append(list, t)
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		t := set[name]
		if name == "logit_bias" {
			continue
		}
		if their, there := theirs[name]; there {
			if strings.Contains(their, "_projection.") {
				var err error
				if t, err = transposed(t); err != nil {
					return nil, err
				}
			}
			add(their, t)
			continue
		}
		layer, part, err := huggingFaceLayer(name)
		if err != nil {
			return nil, err
		}
		kind, isInput := strings.CutPrefix(part, "attn.in_proj_")
		if !isInput {
			add(layer+part, t)
			continue
		}
		if len(t.Shape) == 0 || t.Shape[0]%3 != 0 {
			return nil, fmt.Errorf("tensor %s has the shape %v, rows of query, key and value expected", name, t.Shape)
		}
		shape, words := slices.Clone(t.Shape), len(t.Data)/3
		shape[0] /= 3
		for i, of := range []string{"q", "k", "v"} {
			add(layer+"self_attn."+of+"_proj."+kind, nn.Tensor{Shape: shape, Data: t.Data[i*words : (i+1)*words]})
		}
	}
	return list, nil
}

// huggingFaceLayer cuts the name of a tensor of a transformer's block into their
// name of the block, with a dot, and of what follows; of the projections of query,
// key and value, which lie in one tensor here, ours.
func huggingFaceLayer(name string) (layer, part string, err error) {
	for their, our := range huggingFaceTowers {
		rest, there := strings.CutPrefix(name, our)
		if !there {
			continue
		}
		number, part, _ := strings.Cut(rest, ".")
		layer = their + number + "."
		if strings.HasPrefix(part, "attn.in_proj_") {
			return layer, part, nil
		}
		for their, our := range huggingFaceLayers {
			if kind, there := strings.CutPrefix(part, our); there {
				return layer, their + kind, nil
			}
		}
	}
	return "", "", fmt.Errorf("tensor %s has no name in Hugging Face's CLIPModel", name)
}
