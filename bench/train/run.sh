#!/usr/bin/env bash
# Measures training beside open_clip on PyTorch: bench/train/run.sh FOLDER [VENV]
#
# FOLDER keeps texts, weights and inputs for the next run (1.5 GB). VENV is a
# Python environment with the packages below; without it one is made in FOLDER
# (several GB, since PyTorch's usual wheel brings CUDA). Needs apt-get, dpkg, go, g++
# (for torch.compile) and python3 with venv. Settings:
#
#   CASES    model:batch:numbers, default all of the README's
#   ROUNDS   5, PEERS "eager compiled", THREADS 2: see bench.py
#   WEIGHTS  models whose full-size weights are checked both ways, rn50 vit-b-32
#   DATA     a dataset with shards (pairloom demo leaves one): measures the loader
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: run.sh FOLDER [VENV]}"
work=$(realpath "$1")
venv=${2:-$work/venv}
cases=${CASES:-vit-b-32:64:fp32 rn50:64:fp32 vit-small:256:fp32 vit-b-32:64:bf16 rn50:64:bf16 vit-small:256:bf16}
python=$venv/bin/python

if [ ! -x "$python" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install -q torch==2.15.0 torchvision==0.29.2 open_clip_torch==3.3.0 safetensors
fi
if [ ! -e "$work/texts" ]; then
	pages=$("$here/../../testdata/gimp-help.sh" "$work/pages")
	"$python" "$here/../match/texts.py" "$pages" 1 "$work/texts.partial"
	mv "$work/texts.partial" "$work/texts"
fi
(cd "$here" && go build -o "$work/train" .)
for case in $cases; do
	IFS=: read -r model batch _ <<<"$case"
	"$python" "$here/inputs.py" "$work/texts" "$model" "$batch" "$work"
done
"$python" "$here/bench.py" "$work/train" "$work" $cases
weights=${WEIGHTS-rn50 vit-b-32}
if [ -n "$weights" ]; then
	for model in $weights; do "$python" "$here/inputs.py" "$work/texts" "$model" 8 "$work"; done
	echo
	"$python" "$here/weights.py" "$work/train" "$work" $weights
fi
if [ -n "${DATA:-}" ]; then
	for shape in "224 64" "112 256"; do
		echo "loader, $shape: $("$work/train" loader "$DATA" $shape "${THREADS:-2}")"
	done
fi
