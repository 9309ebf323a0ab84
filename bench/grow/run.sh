#!/usr/bin/env bash
# Measures the shard stage of a dataset that grows: bench/grow/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) takes about 2 GB. Needs go.
# Settings: PAIRS (1000000), MORE (1000).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
[ $# -ge 1 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
pairs=${PAIRS:-1000000} more=${MORE:-1000}
(cd "$here" && go build -o "$work/grow" .)
rm -rf "$work/dataset"
"$work/grow" make "$work/dataset" "$pairs"
echo "all pairs, written for the first time:" && "$work/grow" shard "$work/dataset"
echo "nothing new:" && "$work/grow" shard "$work/dataset"
"$work/grow" make "$work/dataset" "$((pairs + more))"
for what in "$more pairs more:" "nothing new:"; do
	echo "$what" && "$work/grow" shard "$work/dataset"
done
"$work/grow" make "$work/dataset" "$((pairs + more))" 1000
echo "every 1,000th pair withdrawn:" && "$work/grow" shard "$work/dataset"
echo "compacted:" && "$work/grow" shard "$work/dataset" compact
