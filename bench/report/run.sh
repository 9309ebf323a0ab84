#!/bin/sh
# Prints the figures of README.md: bench/report/run.sh FOLDER [TIMES]
# PYTHON is an interpreter with polars (make readers); without it there is no peer.
set -e
cd "$(dirname "$0")/../.."
folder=${1:?a folder for 0.8 GB of shards}
times=${2:-100}
python=${PYTHON:-.readers/bin/python}
go build -o "$folder/bench-report" ./bench/report
for workers in 1 2; do
	for n in 1 2 3; do "$folder/bench-report" -folder "$folder" -workers "$workers"; done
done
if [ -x "$python" ]; then
	for n in 1 2 3; do "$python" bench/report/peer.py "$folder"; done
fi
"$folder/bench-report" -folder "$folder" -times "$times"
