#!/bin/sh
# Measures the exact search of package search over a million generated vectors of
# 512 words beside a streaming read of as much memory by all cores, in turn; with
# a Python that has numpy and pyarrow, beside numpy's product over the same file,
# mapped. DIR (default: a temporary one) keeps the 2.2 GB of vectors.
#
#     bench/search/run.sh [DIR [PYTHON]]
set -eu
cd "$(dirname "$0")/../.."
if [ $# -ge 1 ]; then dir=$1; else dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; fi
go build -o "$dir/bench-search" ./bench/search
"$dir/bench-search" -file "$dir/vectors.arrow"
if [ $# -ge 2 ]; then "$2" bench/search/peer.py "$dir/vectors.arrow"; fi
