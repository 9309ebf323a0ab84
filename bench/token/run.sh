#!/usr/bin/env bash
# Measures package token beside its peers: bench/token/run.sh TEXTS...
#
# Each of TEXTS has one text a line, such as bench/match/texts.py writes. Needs go
# and a Python with open_clip_torch 3.3.0 and tokenizers 0.23 (PYTHON, default
# python3). Settings: SAMPLE (100000 texts for the Python tokenizer), ROUNDS (2).
#
# The tokens of every text are compared first; then each program runs on one core;
# processor seconds are counted, so that other work on the machine matters less.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: run.sh TEXTS..." >&2; exit 2; }
python=${PYTHON:-python3} sample=${SAMPLE:-100000} rounds=${ROUNDS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here" && go build -o "$work/token" .)

for texts in "$@"; do
	echo "$texts"
	"$python" "$here/peers.py" tokens "$texts" "$work/tokens"
	"$work/token" check "$texts" "$work/tokens" 0
	printf 'program\ttexts\ttexts/processor second\ttokens\n'
	"$work/token" run "$texts" "$rounds"
	"$python" "$here/peers.py" tokenizers "$texts" "$rounds"
	"$python" "$here/peers.py" open_clip "$texts" "$sample"
done
