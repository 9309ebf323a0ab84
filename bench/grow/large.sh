#!/usr/bin/env bash
# Measures the first build of shards that are larger than memory: bench/grow/large.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) takes twice the largest dataset,
# 21 GB. Needs go, and root for the limit of memory, a control group of its own, which
# counts the page cache.
# Settings: PAIRS ("125000 500000"), PICTURE_BYTES (20000), MEMORY (2147483648, 0 for no limit).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)} group=""
export PICTURE_BYTES=${PICTURE_BYTES:-20000}
memory=${MEMORY:-2147483648}
end() {
	[ -z "$group" ] || rmdir "$group" || true
	[ "$given" -ge 1 ] || rm -rf "$work"
}
given=$#
trap end EXIT
mkdir -p "$work"
(cd "$here" && go build -o "$work/grow" .)
if [ "$memory" -gt 0 ]; then
	limit=memory.limit_in_bytes top=/sys/fs/cgroup/memory # version 1
	[ -d "$top" ] || { limit=memory.max top=/sys/fs/cgroup; }
	group=$top/grow-$$
	mkdir "$group"
	echo "$memory" >"$group/$limit"
fi
for pairs in ${PAIRS:-125000 500000}; do
	rm -rf "$work/dataset"
	"$work/grow" make "$work/dataset" "$pairs"
	echo "$pairs pairs with pictures of $PICTURE_BYTES bytes:"
	"$work/grow" forget "$work/dataset"
	( # in the group
		[ -z "$group" ] || echo "$BASHPID" >"$group/cgroup.procs"
		exec "$work/grow" shard "$work/dataset"
	)
	rm -rf "$work/dataset/shards"
	"$work/grow" disk "$work/dataset"
	rm -rf "$work/dataset"
done
