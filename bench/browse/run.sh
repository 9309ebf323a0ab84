#!/bin/sh
# Measures package browse on generated datasets: 100,000 pairs with pictures of 20 KB, and
# a million with such of 1 KB. DIR (default: a temporary one) keeps the 10 GB.
#
#     bench/browse/run.sh [DIR]
set -eu
cd "$(dirname "$0")/../.."
if [ $# -ge 1 ]; then dir=$1; else dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; fi
mkdir -p "$dir"
go build -o "$dir/bench-browse" ./bench/browse
"$dir/bench-browse" -dir "$dir/100k" -pairs 100000 -bytes 20000
"$dir/bench-browse" -dir "$dir/1m" -pairs 1000000 -bytes 1000
