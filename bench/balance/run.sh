#!/bin/sh
# Measures query/balance on 1, 10 and 100 million generated (query, pair) rows
# over a list of 500,000 queries: seconds without those of making the rows, rows
# a second, and the process's largest resident memory. Past the memory given,
# pairs go to a file in DIR (970 MB for 100 million rows).
#
#     bench/balance/run.sh [DIR]
set -eu
cd "$(dirname "$0")/../.."
dir=${1:-${TMPDIR:-/tmp}}
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
go build -o "$binary" ./bench/balance
for mode in cap probability; do
	for rows in 1000000 10000000 100000000; do
		printf '%s: ' "$mode"
		"$binary" -mode "$mode" -rows "$rows" -dir "$dir"
	done
done
