#!/usr/bin/env bash
# Measures the stages of data as whole processes: bench/stages/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps texts and datasets.
# Needs go, apt-get, dpkg and python3. Settings: COUNTS, candidates of each round
# (1000000 5000000); MEMORY, memory_mib (512).
#
# Candidates carry real texts (bench/match/texts.sh) under made addresses. Of the
# pictures there are outcomes and no bytes: what is measured is the work on records.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
texts=2000000
"$here/../match/texts.sh" "$work" "$texts"
(cd "$here/../.." && go build -o "$work/pairloom" ./cmd/pairloom && go build -o "$work/stages" ./bench/stages)
for count in ${COUNTS:-1000000 5000000}; do
	dir=$work/dataset-$count
	rm -rf "$dir"
	"$work/pairloom" init "$dir" --contact mailto:bench@example.org --set memory_mib="${MEMORY:-512}" --set fetch.revisit_after=0s >/dev/null
	"$work/stages" candidates "$dir/candidates/crawl" "$count" "$work/texts.$texts"
	"$work/stages" run "$count" "$work/pairloom" match -C "$dir" --quiet
	"$work/stages" run "$count" "$work/pairloom" match -C "$dir" --quiet # the list is compiled now
	"$work/stages" images "$dir"
	pairs=$("$work/stages" rows "$dir/matched")
	for stage in fetch curate shard; do
		"$work/stages" run "$pairs" "$work/pairloom" "$stage" -C "$dir" --quiet
	done
done
