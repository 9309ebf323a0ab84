#!/bin/sh
# Measures pairloom export in each format on made-up pairs, beside a plain copy of the
# shards, which is what the disk gives; with a Python that has webdataset, datasets and
# pyarrow, beside these writing the same pairs from the same shards. Every figure is of
# data that are durable: sync ends each. DIR (default: a temporary one) keeps the shards.
#
#     bench/export/run.sh [PAIRS [DIR [PYTHON]]]
set -eu
cd "$(dirname "$0")/../.."
pairs=${1:-100000}
if [ $# -ge 2 ]; then dir=$2; else dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; fi
mkdir -p "$dir"
go build -o "$dir/pairloom" ./cmd/pairloom
go build -o "$dir/synthetic" ./bench/export/synthetic
[ -e "$dir/cats/shards" ] || "$dir/synthetic" -C "$dir/cats" -pairs "$pairs"
measure() { # NAME COMMAND...: prints wall, user and system seconds, and the most memory
	name=$1; shift
	[ "$name" = again ] || rm -rf "$dir/out"
	sync
	begin=$(date +%s.%N)
	/usr/bin/time -f "%U %S %M" -o "$dir/time" "$@" >/dev/null
	sync -f "$dir"
	end=$(date +%s.%N)
	read -r user system memory <"$dir/time"
	awk -v n="$name" -v p="$pairs" -v b="$begin" -v e="$end" -v u="$user" -v s="$system" -v m="$memory" \
		'BEGIN { printf "%-24s %7.2f s %9.0f pairs/s %7.2f s of processor %9.0f pairs/s of a core %6.0f MB\n", n, e-b, p/(e-b), u+s, p/(u+s), m/1024 }'
}
cat "$dir"/cats/shards/*.arrow >/dev/null # the page cache is warm for all
measure "cp -r shards" cp -r "$dir/cats/shards" "$dir/out"
for format in webdataset parquet "parquet --pictures" folder huggingface datasets; do
	# shellcheck disable=SC2086
	measure "$format" "$dir/pairloom" export --format $format -C "$dir/cats" --to "$dir/out" --quiet
done
measure again "$dir/pairloom" export --format datasets -C "$dir/cats" --to "$dir/out" --quiet
if [ $# -ge 3 ]; then
	for peer in webdataset pyarrow datasets; do
		measure "$peer (Python)" "$3" bench/export/peer.py "$peer" "$dir/cats/shards" "$dir/out"
	done
fi
rm -rf "$dir/out"
