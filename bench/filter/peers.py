#!/usr/bin/env python3
"""Times Data-Juicer's filters over texts, one a line, and compares their decisions.

usage: peers.py TEXTS WORDS_DIR MODEL DECISIONS [COUNT]

WORDS_DIR is filter/words, whose lists the filters get, and MODEL lid.176.ftz, so that both
sides go by the same; DECISIONS is what bench/filter -decisions wrote of the same texts.
Each filter gets the texts in batches of 1,000 and measures and decides on all, as its
executor does, in one process. Times are processor time.
"""
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time

texts_path, words_dir, model, decisions = sys.argv[1:5]
count = int(sys.argv[5]) if len(sys.argv) > 5 else 100_000
work = tempfile.mkdtemp()
os.environ["DATA_JUICER_MODELS_CACHE"] = work
os.environ["DATA_JUICER_CACHE_HOME"] = work
shutil.copy(model, f"{work}/lid.176.bin")
with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
    from loguru import logger

    logger.remove()
    from data_juicer.ops.filter.character_repetition_filter import CharacterRepetitionFilter
    from data_juicer.ops.filter.flagged_words_filter import FlaggedWordFilter
    from data_juicer.ops.filter.language_id_score_filter import LanguageIDScoreFilter
    from data_juicer.ops.filter.special_characters_filter import SpecialCharactersFilter
    from data_juicer.ops.filter.stopwords_filter import StopWordsFilter
    from data_juicer.ops.filter.text_length_filter import TextLengthFilter
    from data_juicer.ops.filter.word_repetition_filter import WordRepetitionFilter
    from data_juicer.ops.filter.words_num_filter import WordsNumFilter
    from data_juicer.utils.constant import Fields

stops = [w for line in open(f"{words_dir}/english.txt") if not line.startswith("#") for w in line.split()[1:]]
json.dump({"en": stops}, open(f"{work}/stopwords.json", "w"))
flagged = open(f"{words_dir}/flagged-en.txt").read().split("\n")
json.dump({"en": flagged}, open(f"{work}/flagged_words.json", "w"))

ops = [
    ("characters", TextLengthFilter(min_len=6, max_len=1000)),
    ("words", WordsNumFilter(min_num=3, max_num=256)),
    ("special_characters", SpecialCharactersFilter(max_ratio=0.3)),
    ("stop_words", StopWordsFilter(min_ratio=0.3, stopwords_dir=work)),
    ("flagged_words", FlaggedWordFilter(max_ratio=0.01, flagged_words_dir=work)),
    ("character_repetition", CharacterRepetitionFilter(rep_len=10, max_ratio=0.1)),
    ("sequence_repetition", WordRepetitionFilter(rep_len=5, max_ratio=0.1)),
    ("language", LanguageIDScoreFilter(lang=["en"], min_score=0.0)),
]
texts = open(texts_path, encoding="utf-8").read().split("\n")[:count]
with open(decisions) as f:
    names = f.readline().rstrip("\n").split("\t")
    ours = [line.rstrip("\n").split("\t") for _, line in zip(texts, f)]


def batches(context):
    for i in range(0, len(texts), 1000):
        part = texts[i : i + 1000]
        yield {"text": part, Fields.stats: [{} for _ in part], Fields.context: [{} for _ in part]}


def run(op, samples, shared):
    if hasattr(op, "compute_stats_single") and type(op).__dict__.get("compute_stats_single"):
        for text, stat, context in zip(samples["text"], samples[Fields.stats], samples[Fields.context]):
            op.compute_stats_single({"text": text, Fields.stats: stat, Fields.context: context}, **({"context": True} if shared else {}))
        return [op.process_single({Fields.stats: stat}) for stat in samples[Fields.stats]]
    op.compute_stats_batched(samples, **({"context": True} if shared else {}))
    return list(op.process_batched(samples))


print(f"{len(texts)} texts")
total = 0.0
for name, op in ops:
    at = names.index(name)
    best, kept = 1e9, None
    for _ in range(2):
        kept = []
        start = time.process_time()
        for samples in batches(False):
            kept += run(op, samples, False)
        best = min(best, time.process_time() - start)
    same = sum(k == (o[at] == "0") for k, o in zip(kept, ours))
    total += best
    print(f"{name:24s} {best / len(texts) * 1e6:8.2f} us/text  drops {100 * kept.count(False) / len(texts):5.1f}%  decides as pairloom {100 * same / len(texts):6.2f}%")
print(f"{'all, one by one':24s} {total / len(texts) * 1e6:8.2f} us/text")
words = {"words", "stop_words", "flagged_words", "sequence_repetition"}
best = 1e9
for _ in range(2):
    start = time.process_time()
    for samples in batches(True):
        for name, op in ops:
            run(op, samples, name in words)
    best = min(best, time.process_time() - start)
print(f"{'all, words shared':24s} {best / len(texts) * 1e6:8.2f} us/text")
shutil.rmtree(work)
