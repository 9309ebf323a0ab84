#!/usr/bin/env python3
"""Writes the emoji of npm packages as a web site to crawl, and as class folders.

    site.py PACKAGES OUT

PACKAGES holds the unpacked packages, a folder each: emoji-datasource-apple,
-google, -facebook and -twitter, emojilib, emojibase-data, fluent-emoji-3d.

OUT/site     pages of the first three vendors' pictures, each picture under several
             texts made of its emojibase label and tags and its emojilib keywords
OUT/twitter  a folder for each label with the fourth vendor's picture
OUT/fluent   the same for the 3D pictures; classes that it lacks have no folder
OUT/labels.txt  the labels, a line each
"""

import html
import json
import pathlib
import random
import shutil
import sys

TRAINING = ["apple", "google", "facebook"]
TEXTS = 8  # per picture


def sentences(label, words, random):
    """Texts of one picture: its label alone and among some of its keywords."""
    texts = [label, f"{label} emoji", f"A picture of {label}."]
    while len(texts) < TEXTS:
        some = random.sample(words, min(len(words), random.randint(1, 4)))
        texts.append(f"{label}, {', '.join(some)}" if random.random() < 0.7 else f"{', '.join(some)}: {label}")
    return list(dict.fromkeys(texts))


def main(packages, out):
    packages, out = pathlib.Path(packages), pathlib.Path(out)
    data = {v: json.loads((packages / f"emoji-datasource-{v}/emoji.json").read_text()) for v in TRAINING + ["twitter"]}
    have = [e for e in data["apple"] if all(e[f"has_img_{v}"] for v in TRAINING + ["twitter"])]
    keywords = json.loads((packages / "emojilib/dist/emoji-en-US.json").read_text())
    labels = {e["hexcode"].replace("-FE0F", ""): e for e in json.loads((packages / "emojibase-data/en/data.json").read_text())}

    chosen, taken = [], set()
    for e in sorted(have, key=lambda e: e["image"]):
        plain = e["unified"].replace("-FE0F", "")
        known = labels.get(plain)
        label = known["label"] if known else e["name"].lower()
        if label in taken:
            label = f"{label} {e['short_name'].replace('_', ' ')}"
        taken.add(label)
        character = "".join(chr(int(c, 16)) for c in e["unified"].split("-"))
        words = {w.replace("_", " ") for w in keywords.get(character, [])} | set(known.get("tags", []) if known else [])
        words |= {e["category"].lower(), e["subcategory"].replace("-", " ")}
        chosen.append((e, label, sorted(w for w in words if w != label)))
    print(f"{len(chosen)} emoji that all four vendors draw")

    (out / "site").mkdir(parents=True, exist_ok=True)
    links = []
    for vendor in TRAINING:
        shutil.copytree(packages / f"emoji-datasource-{vendor}/img/{vendor}/64", out / "site" / vendor, dirs_exist_ok=True)
        for first in range(0, len(chosen), 100):
            page = f"{vendor}-{first}.html"
            links.append(f'<a href="{page}">{page}</a>')
            rows = []
            for e, label, words in chosen[first : first + 100]:
                for text in sentences(label, words, random.Random(vendor + e["image"])):
                    rows.append(f'<img src="{vendor}/{e["image"]}" alt="{html.escape(text)}">')
            (out / "site" / page).write_text("<!doctype html><meta charset=utf-8>\n" + "\n".join(rows) + "\n")
    (out / "site/index.html").write_text("<!doctype html><meta charset=utf-8>\n" + "\n".join(links) + "\n")

    fluent = packages / "fluent-emoji-3d/assets"
    for e, label, _ in chosen:
        folder = label.replace("/", "-")
        for name, picture in [
            ("twitter", packages / "emoji-datasource-twitter/img/twitter/64" / e["image"]),
            ("fluent", next((p for p in (fluent / f"{n}.webp" for n in (e["image"][:-4], e["image"][:-4].replace("-fe0f", ""))) if p.exists()), None)),
        ]:
            if picture:
                (out / name / folder).mkdir(parents=True, exist_ok=True)
                shutil.copy(picture, out / name / folder / picture.name)
    (out / "labels.txt").write_text("".join(label.replace("/", "-") + "\n" for _, label, _ in chosen))


main(*sys.argv[1:])
