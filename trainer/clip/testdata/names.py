# Writes the names and shapes of open_clip's state dicts, a line a tensor, for
# TestPublicNames, and the count of learned parameters as the first line.
#
#     python names.py
import open_clip

for name, file in (("RN50", "rn50"), ("ViT-B-32", "vit-b-32")):
    model = open_clip.create_model(name)
    with open(f"names-{file}.txt", "w") as f:
        f.write(f"{sum(p.numel() for p in model.parameters())}\n")
        for key, tensor in sorted(model.state_dict().items()):
            f.write(" ".join([key, *map(str, tensor.shape)]) + "\n")
