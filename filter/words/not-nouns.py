#!/usr/bin/env python3
"""Makes not-nouns.txt.gz: the English words that are no nouns, or more often something else.

usage: not-nouns.py WORDNET_DIR >not-nouns.txt

A lemma of WordNet 3.0 in one word is a noun when its noun senses have most of its tags in
SemCor (cntlist.rev); where no sense has a tag, when it has at least as many noun senses as
others. Of the others the forms are added: by the lists of exceptions, and the regular ones
of verbs and adjectives. A form that is a lemma by itself is judged by itself.
"""
import collections
import re
import sys

KIND = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}


def verb_forms(w):
    if w.endswith("e"):
        return [w + "s", w + "d", w[:-1] + "ing"]
    if re.search(r"[^aeiou]y$", w):
        return [w[:-1] + "ies", w[:-1] + "ied", w + "ing"]
    forms = [w + ("es" if re.search(r"(s|x|z|ch|sh|o)$", w) else "s"), w + "ed", w + "ing"]
    if re.search(r"^[^aeiou]*[aeiou][bdgklmnprt]$|[^aeiou][aeiou][lprt]$", w):  # stopped; travelled
        forms += [w + w[-1] + "ed", w + w[-1] + "ing"]
    return forms


def adjective_forms(w):
    if w.endswith("e"):
        return [w + "r", w + "st"]
    if re.search(r"[^aeiou]y$", w):
        return [w[:-1] + "ier", w[:-1] + "iest"]
    forms = [w + "er", w + "est"]
    if re.search(r"^[^aeiou]*[aeiou][bdglmnprt]$", w):  # bigger
        forms += [w + w[-1] + "er", w + w[-1] + "est"]
    return forms


def main():
    folder = sys.argv[1]
    senses = collections.defaultdict(collections.Counter)
    for name, kind in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
        for line in open(f"{folder}/index.{name}", encoding="ascii"):
            if not line.startswith(" "):
                lemma, _, count = line.split()[:3]
                senses[lemma][kind] += int(count)
    tags = collections.defaultdict(collections.Counter)
    for line in open(f"{folder}/cntlist.rev", encoding="ascii"):
        key, _, count = line.split()
        lemma, rest = key.split("%")
        tags[lemma][KIND[rest[0]]] += int(count)
    word = re.compile(r"[a-z]{2,}$")
    nouns, others = set(), set()
    for lemma, by_kind in senses.items():
        if not word.match(lemma):
            continue
        tagged = tags[lemma]
        if sum(tagged.values()):
            noun = tagged["n"] * 2 > sum(tagged.values())
        else:
            noun = by_kind["n"] * 2 >= sum(by_kind.values())
        (nouns if noun else others).add(lemma)
    forms = set()
    for lemma in others:
        if senses[lemma]["v"]:
            forms.update(verb_forms(lemma))
        if senses[lemma]["a"]:
            if len(lemma) <= 7:
                forms.update(adjective_forms(lemma))
    for lemma in nouns:  # a noun that is a verb too: what only a verb can be
        if senses[lemma]["v"]:
            forms.update(f for f in verb_forms(lemma) if not f.endswith("s"))
    for name in ("verb", "adj", "adv"):
        for line in open(f"{folder}/{name}.exc", encoding="ascii"):
            form, lemma = line.split()[:2]
            if lemma in others or name == "verb":
                forms.add(form)
    others |= {f for f in forms if word.match(f) and f not in nouns}
    sys.stdout.write("".join(w + "\n" for w in sorted(others)))


main()
