"""Loads checkpoints with open_clip and exports with transformers, embeds pictures
and texts with each, and prints how far they are from ours: |ours - theirs| /
|theirs|, the worst row.

    python3 equal.py CASE...

CASE is a folder with case.json (paths of pictures, texts, numbers of the texts that
transformers reads otherwise, the folders of the model) and vectors.safetensors (ours).
"""
import json
import sys

import open_clip
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPProcessor


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def difference(ours, theirs):
    return float(((ours - theirs).norm(dim=-1) / theirs.norm(dim=-1)).max())


def by_open_clip(path, case, ours, out):
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{path}")
    model.eval()
    pixels = torch.stack([preprocess(Image.open(p)) for p in case["pictures"]])
    out["pixels"] = difference(ours["pixels"], pixels.flatten(1))
    out["pictures"] = difference(ours["pictures"], unit(model.encode_image(pixels)))
    tokens = open_clip.get_tokenizer(f"local-dir:{path}")(case["texts"])
    out["texts"] = difference(ours["texts"], unit(model.encode_text(tokens)))
    simple = open_clip.SimpleTokenizer(f"{path}/bpe_vocabulary.txt.gz")(case["texts"])
    out["texts by SimpleTokenizer"] = difference(ours["texts"], unit(model.encode_text(simple)))
    out["scale"] = difference(ours["scale"], model.logit_scale.exp()[None])


def by_transformers(path, case, ours, out):
    model, info = CLIPModel.from_pretrained(path, output_loading_info=True)
    model.eval()
    out["tensors that do not fit"] = float(sum(len(info[k]) for k in ("missing_keys", "unexpected_keys", "mismatched_keys")))
    processor = CLIPProcessor.from_pretrained(path)
    same = [i for i in range(len(case["texts"])) if i not in case["otherwise"]]
    tokens = processor(text=[case["texts"][i] for i in same], return_tensors="pt", padding=True, truncation=True)
    pixels = ours["pixels"].view(len(case["pictures"]), 3, *[model.config.vision_config.image_size] * 2)
    result = model(pixel_values=pixels, **tokens)
    out["pictures"] = difference(ours["pictures"], result.image_embeds)
    out["texts"] = difference(ours["texts"][same], result.text_embeds)
    out["scale"] = difference(ours["scale"], model.logit_scale.exp()[None])
    own = processor(images=[Image.open(p).convert("RGB") for p in case["pictures"]], return_tensors="pt").pixel_values
    out["pixels"] = difference(ours["pixels"], own.flatten(1))


found = []
with torch.no_grad():
    for folder in sys.argv[1:]:
        case = json.load(open(f"{folder}/case.json"))
        ours = load_file(f"{folder}/vectors.safetensors")
        found.append({name: {} for name in case["models"]})
        for name, path in case["models"].items():
            (by_transformers if name == "transformers" else by_open_clip)(path, case, ours, found[-1][name])
print(json.dumps(found))
