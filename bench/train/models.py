"""The bench's models, as open_clip makes them, under the names of our presets."""
import open_clip
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

NAMES = {"vit-b-32": "ViT-B-32", "vit-b-16": "ViT-B-16", "rn50": "RN50"}


def side(name):
    """Pixels a side of the model's pictures."""
    return 112 if name == "vit-small" else 224


def create(name):
    """A model with random weights, in training mode, for float32 on the CPU."""
    if name in NAMES:
        model = open_clip.create_model(NAMES[name])
    elif name == "vit-small":
        model = CLIP(
            embed_dim=256,
            vision_cfg=CLIPVisionCfg(layers=8, width=256, head_width=64, patch_size=16, image_size=112),
            text_cfg=CLIPTextCfg(context_length=77, vocab_size=49408, width=256, heads=4, layers=6),
        )
    else:
        raise SystemExit(f"no model is called {name}; there are vit-small and {', '.join(NAMES)}")
    return model.train()
