#!/usr/bin/env python3
"""The Python peers of the bench.

peers.py metaclip LIST TEXTS SAMPLE       the list's texts, one a line; raw texts
peers.py pyahocorasick ENTRIES TEXTS SAMPLE   as `match plain` writes them

metaclip is our own writing of the function that the documentation of mode
metaclip describes: space the text, then ask of every entry whether it is a
substring. It takes milliseconds a text, so it runs on the first SAMPLE texts.
pyahocorasick finds entries between spaces in texts between spaces.
"""
import sys
import time


def status(name):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name))


def space(text):
    text = f" {text} "
    for mark in (",", ".", ";", ":", "?", "!", "`"):
        text = text.replace(mark, f" {mark} ")
    for white in ("\t", "\n", "\r"):
        text = text.replace(white, " ")
    return text


def main():
    peer, entries, texts, sample = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    with open(texts, encoding="utf-8", newline="\n") as f:
        texts = [line.rstrip("\n") for _, line in zip(range(sample), f)]
    before = status("VmRSS")
    start = time.perf_counter()
    with open(entries, encoding="utf-8", newline="\n") as f:
        entries = f.read().split("\n")[:-1]
    if peer == "metaclip":
        spaced = [f" {e} " for e in entries]

        def find(text):
            text = space(text)
            return [i for i, e in enumerate(spaced) if e in text]
    else:
        import ahocorasick

        automaton = ahocorasick.Automaton()
        for line in entries:
            i, _, entry = line.partition("\t")
            automaton.add_word(f" {entry} ", int(i))
        automaton.make_automaton()

        def find(text):
            return sorted({i for _, i in automaton.iter(f" {text} ")})
    load = (time.perf_counter() - start) * 1e3
    found = total = 0
    start = time.perf_counter()
    for text in texts:
        ids = find(text)
        found += len(ids)
        total += sum(ids) + len(ids)
    seconds = time.perf_counter() - start
    print(peer, 1, len(texts), f"{seconds:.3f}", found, total, status("VmRSS") - before, status("VmHWM") - before, f"{load:.1f}", sep="\t")


main()
