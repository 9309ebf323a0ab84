package clip

import (
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
var counters = []string{"input_resolution", "context_length", "vocab_size", "text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"}

// PublicNames gives the tensors of a CLIP the names and shapes that they have in
// a Model: open_clip's. It takes those of open_clip, of OpenAI and of Hugging
// Face's CLIPModel. Tensors that have another layout are copied; the others share
// their data with set.
func PublicNames(set map[string]nn.Tensor) (map[string]nn.Tensor, error) {
	_, foreign := set["text_model.embeddings.token_embedding.weight"]
	out := make(map[string]nn.Tensor, len(set))
	for name, t := range set {
		if slices.Contains(counters, name) {
			continue
		}
		ours := name
		if foreign {
			var err error
			if ours, t, err = fromHuggingFace(set, name); err != nil {
				return nil, err
			}
		}
		t.Name = ours
		out[ours] = t
	}
	return out, nil
}

// fromHuggingFace is the tensor that the one called name becomes, or a part of.
func fromHuggingFace(set map[string]nn.Tensor, name string) (ours string, t nn.Tensor, err error) {
	t = set[name]
	if ours, there := huggingFace[name]; there {
		if strings.Contains(name, "_projection.") {
			t, err = transposed(t)
		}
		return ours, t, err
	}
	for tower, blocks := range huggingFaceTowers {
		layer, there := strings.CutPrefix(name, tower)
		if !there {
			continue
		}
		number, part, _ := strings.Cut(layer, ".")
		for theirs, here := range huggingFaceLayers {
			if kind, there := strings.CutPrefix(part, theirs); there {
				return blocks + number + "." + here + kind, t, nil
			}
		}
		for _, of := range []string{"q", "k", "v"} {
			if kind, there := strings.CutPrefix(part, "self_attn."+of+"_proj."); there {
				t, err = stacked(set, tower+number+".self_attn.%s_proj."+kind)
				return blocks + number + ".attn.in_proj_" + kind, t, err
			}
		}
	}
	return "", t, fmt.Errorf("tensor %s is none of Hugging Face's CLIPModel", name)
}

// stacked puts the rows of query, key and value below one another, as PyTorch's
// attention has them.
func stacked(set map[string]nn.Tensor, form string) (all nn.Tensor, err error) {
	for _, of := range []string{"q", "k", "v"} {
		name := fmt.Sprintf(form, of)
		t, there := set[name]
		switch {
		case !there:
			return all, fmt.Errorf("tensor %s is missing", name)
		case len(t.Shape) == 0:
			return all, fmt.Errorf("tensor %s has no rows", name)
		case all.Shape == nil:
			all.Shape = slices.Clone(t.Shape)
		case !slices.Equal(all.Shape[1:], t.Shape[1:]):
			return all, fmt.Errorf("tensor %s has the shape %v, which does not go with the two others", name, t.Shape)
		default:
			all.Shape[0] += t.Shape[0]
		}
		all.Data = append(all.Data, t.Data...)
	}
	return all, nil
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

// HuggingFaceNames gives the tensors of a Model with a ViT the names and shapes of
// Hugging Face's CLIPModel: [PublicNames] takes them back. SigLIP's bias has no
// place there and is left out; no embedding needs it.
func HuggingFaceNames(set map[string]nn.Tensor) ([]nn.Tensor, error) {
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
