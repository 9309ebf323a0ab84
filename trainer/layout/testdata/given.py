"""Writes models of open_clip and of transformers with drawn weights, each into a folder as
users have them, and beside it, in NAME.vectors.safetensors, what their own program makes of
the pictures and texts of case.json. Run in the folder of case.json."""
import json
import os
import shutil

import open_clip
import torch
from open_clip.transform import image_transform
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

case = json.load(open("case.json"))
torch.manual_seed(1)
clip_mean, clip_std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def stir(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim < 2 and "logit" not in name:
                p.add_(0.1 * torch.rand(p.shape))
            if "embeddings" in name or "position" in name or "token" in name or "class" in name:
                p.add_(0.02 * torch.randn(p.shape))
        for name, b in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                b.add_(0.1 * torch.rand(b.shape))
    return model.eval()


def pictures(size, mean, std):
    t = image_transform(size, is_train=False, mean=mean, std=std, interpolation="bicubic", resize_mode="shortest")
    return torch.stack([t(Image.open(p).convert("RGB")) for p in case["pictures"]])


def keep(name, images, texts, scale):
    n = torch.nn.functional.normalize
    save_file({"pictures": n(images.float(), dim=-1).contiguous(), "texts": n(texts.float(), dim=-1).contiguous(), "scale": scale.detach().float().exp().reshape(1)}, f"{name}.vectors.safetensors")


tokenize = open_clip.SimpleTokenizer()
text = dict(context_length=77, vocab_size=49408, width=32, heads=2, layers=2)
vit = dict(image_size=48, layers=2, width=48, head_width=16, patch_size=8)
resnet = dict(image_size=64, layers=[1, 1, 1, 1], width=8, head_width=64)


def of_open_clip(name, vision, quick, mean=clip_mean, std=clip_std, custom=False):
    cfg = dict(embed_dim=24, quick_gelu=quick, vision_cfg=vision, text_cfg=text)
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = stir(kind(**cfg))
    if custom:
        cfg["custom_text"] = True
    with torch.no_grad():
        keep(name, model.encode_image(pictures(vision["image_size"], mean, std)), model.encode_text(tokenize(case["texts"])), model.logit_scale)
    os.makedirs(name)
    json.dump({"model_cfg": cfg, "preprocess_cfg": {"size": vision["image_size"], "mode": "RGB", "mean": mean, "std": std, "interpolation": "bicubic", "resize_mode": "shortest", "fill_color": 0}}, open(f"{name}/open_clip_config.json", "w"))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, f"{name}/open_clip_model.safetensors")
    return model


quick = of_open_clip("open_clip quickgelu", vit, True)
of_open_clip("open_clip", vit, False)
of_open_clip("open_clip resnet", resnet, True)
of_open_clip("open_clip other mean", vit, False, (0.5, 0.5, 0.5), (0.5, 0.25, 0.5))
of_open_clip("open_clip text tower apart", vit, True, custom=True)

# Pickles, as training, the hub and OpenAI have them.
os.makedirs("pickles")
torch.save({"epoch": 3, "name": "x", "state_dict": {"module." + k: v for k, v in quick.state_dict().items()}, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}}, "pickles/epoch_3.pt")


class Scripted(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        for name, child in inner.named_children():
            setattr(self, name, child)
        for name in ("positional_embedding", "text_projection", "logit_scale"):
            setattr(self, name, getattr(inner, name))
        for name, value in (("input_resolution", 48), ("context_length", 77), ("vocab_size", 49408)):
            self.register_buffer(name, torch.tensor(value))

    def forward(self, x):
        return self.visual(x)


torch.jit.trace(Scripted(quick), pictures(48, clip_mean, clip_std)[:1]).save("pickles/openai.pt")

# transformers: its default activation is QuickGELU, which config.json may leave out.
tower = dict(hidden_size=48, intermediate_size=192, num_hidden_layers=2, num_attention_heads=3)
config = CLIPConfig(
    text_config=dict(hidden_size=32, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, vocab_size=49408, projection_dim=24, eos_token_id=case["eos"], bos_token_id=49406),
    vision_config=dict(image_size=48, patch_size=8, projection_dim=24, **tower), projection_dim=24)


def of_transformers(name, dtype=torch.float32, shard=None, activation="quick_gelu", tokenizer=True, mean=clip_mean, std=clip_std):
    config.text_config.hidden_act = config.vision_config.hidden_act = activation
    model = stir(CLIPModel(config)).to(dtype)
    model.save_pretrained(name, **({"max_shard_size": shard} if shard else {}))
    tok = CLIPTokenizer("public/vocab.json", "public/merges.txt")
    if tokenizer:
        tok.save_pretrained(name)
    CLIPImageProcessor(size={"shortest_edge": 48}, crop_size=48, image_mean=mean, image_std=std).save_pretrained(name)
    model = model.float()
    with torch.no_grad():
        i = model.get_image_features(pixel_values=pictures(48, mean, std))
        t = model.get_text_features(**tok(case["texts"], return_tensors="pt", padding=True, truncation=True, max_length=77))
    take = lambda x: x if torch.is_tensor(x) else x.pooler_output
    keep(name, take(i), take(t), model.logit_scale)


of_transformers("transformers")
of_transformers("transformers gelu", activation="gelu", tokenizer=False)
of_transformers("transformers half", dtype=torch.float16)
of_transformers("transformers bfloat16", dtype=torch.bfloat16, mean=(0.5, 0.4, 0.3), std=(0.5, 0.5, 0.2))
of_transformers("transformers in pieces", shard="1MB")
# As older versions and the hub have it: what is a default is left out.
shutil.copytree("transformers", "transformers old")
shutil.copy("transformers.vectors.safetensors", "transformers old.vectors.safetensors")
c = json.load(open("transformers old/config.json"))
for tower in ("text_config", "vision_config"):
    c[tower].pop("hidden_act")
    c[tower + "_dict"] = c[tower]
json.dump(c, open("transformers old/config.json", "w"))
for name in os.listdir("transformers old"):
    if name.startswith(("tokenizer", "special", "vocab", "merges")):
        os.remove("transformers old/" + name)
for name in ("vocab.json", "merges.txt"):
    shutil.copy("public/" + name, "transformers old")
json.dump({"crop_size": 48, "do_center_crop": True, "do_normalize": True, "do_resize": True, "image_mean": clip_mean, "image_std": clip_std, "resample": 3, "size": 48}, open("transformers old/preprocessor_config.json", "w"))
print(json.dumps({n: sorted(os.listdir(n)) for n in os.listdir(".") if os.path.isdir(n)}))
