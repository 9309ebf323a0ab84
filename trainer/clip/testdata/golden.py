#!/usr/bin/env python3
"""Writes vit.safetensors and resnet.safetensors: small models of open_clip's own
classes with random weights, and what PyTorch makes of them in float64.

golden.py FOLDER

  weights/NAME       the state dict, numbers that half floats hold
  pictures, tokens   pairs, captions of 2 to 24 tokens padded with 0
  KIND/logits, loss  of the batch, in training mode
  KIND/gradient/NAME the loss's gradient
  KIND/after/NAME    batch norm's running statistics after that step
  KIND/images, texts embeddings in evaluation mode, after that step
  KIND/autocast/NAME how far the same classes are from that under autocast to
                     bfloat16: the relative error of logits, loss, images and texts,
                     and of the gradients of all parameters as one vector

KIND is gelu or quick, QuickGELU with the same weights.
"""
import os
import sys

import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file

CONTEXT, VOCABULARY = 24, 64
PAIRS = {"vit": 12, "resnet": 6}
TEXT_LAYERS = {"vit": 2, "resnet": 1}
VISION = {
    "vit": CLIPVisionCfg(layers=2, width=24, head_width=8, patch_size=8, image_size=32),
    "resnet": CLIPVisionCfg(layers=(1, 2, 1, 1), width=4, head_width=64, image_size=64),
}


def create(name, quick):
    text = CLIPTextCfg(context_length=CONTEXT, vocab_size=VOCABULARY, width=16, heads=2, layers=TEXT_LAYERS[name])
    return CLIP(embed_dim=16, vision_cfg=VISION[name], text_cfg=text, quick_gelu=quick).train()


def inputs(name, generator):
    pairs, side = PAIRS[name], VISION[name].image_size
    pictures = torch.randn(pairs, 3, side, side, generator=generator).half()
    tokens = torch.zeros(pairs, CONTEXT, dtype=torch.long)
    for i in range(pairs):
        length = 2 + i * (CONTEXT - 2) // (pairs - 1)
        tokens[i, :length] = torch.randint(1, VOCABULARY - 2, (length,), generator=generator)
        tokens[i, 0], tokens[i, length - 1] = VOCABULARY - 2, VOCABULARY - 1
    return pictures, tokens


def relative(got, want):
    return (torch.linalg.vector_norm(got.double() - want.double()) / torch.linalg.vector_norm(want.double())).detach()


def autocast(model, pictures, tokens, truth):
    """The errors of a float32 model under autocast."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images, texts, scale = model(pictures.float(), tokens)
        found = {"logits": scale * images @ texts.T, "loss": ClipLoss()(images, texts, scale)}
    found["loss"].backward()
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found["images"] = model.encode_image(pictures.float(), normalize=True)
        found["texts"] = model.encode_text(tokens, normalize=True)
    errors = {k: relative(v, truth[k]) for k, v in found.items()}
    whole = [torch.cat([g.flatten().double() for g in gradients]) for gradients in (
        [p.grad for p in model.parameters()], [truth[f"gradient/{n}"] for n, _ in model.named_parameters()])]
    errors["gradient"] = relative(*whole)
    return {f"autocast/{k}": v for k, v in errors.items()}


def write(name, kinds, path):
    generator = torch.Generator().manual_seed(6)
    torch.manual_seed(6)
    model = create(name, False)
    with torch.no_grad():  # away from the zeros and ones that layers start with
        for p in model.parameters():
            p += 0.1 * torch.randn(p.shape, generator=generator)
        model.logit_scale.fill_(2.5)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    pictures, tokens = inputs(name, generator)
    out = {f"weights/{k}": v for k, v in weights.items()} | {"pictures": pictures, "tokens": tokens}
    for kind in kinds:
        model = create(name, kind == "quick").double()
        model.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in weights.items()}, strict=True)
        images, texts, scale = model(pictures.double(), tokens)
        loss = ClipLoss()(images, texts, scale)
        loss.backward()
        found = {"logits": scale * images @ texts.T, "loss": loss}
        found |= {f"gradient/{n}": p.grad for n, p in model.named_parameters()}
        found |= {f"after/{n}": b for n, b in model.named_buffers() if n.startswith("visual.") and "attn_mask" not in n}
        model.eval()
        with torch.no_grad():
            found["images"] = model.encode_image(pictures.double(), normalize=True)
            found["texts"] = model.encode_text(tokens, normalize=True)
        single = create(name, kind == "quick")
        single.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, strict=True)
        found |= autocast(single, pictures, tokens, found)
        out |= {f"{kind}/{k}": v.detach().float().contiguous() for k, v in found.items()}
    save_file(out, path)


def main():
    write("vit", ["gelu", "quick"], os.path.join(sys.argv[1], "vit.safetensors"))
    write("resnet", ["gelu"], os.path.join(sys.argv[1], "resnet.safetensors"))


if __name__ == "__main__":
    main()
