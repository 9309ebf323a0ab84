#!/usr/bin/env bash
# Reads of pairs, pairloom beside webdataset and mosaicml-streaming, in one run.
#
#     bench/shard/run.sh [PAIRS]     default 100,000: 2 GB, and 5 GB for the peers
#
# pairloom reads ten times as many, too: the same files under ten names each.
# It works in bench-shard/ below the current folder, PYTHON names an interpreter with
# webdataset 1.0.2, mosaicml-streaming 0.13.0 and pyarrow (default: a new venv; they need
# PyTorch, 6 GB), or is "" for pairloom alone. KEEP=1 keeps the data.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
pairs=${1:-100000}
mkdir -p bench-shard
cd bench-shard
(cd "$here" && go build -o "$OLDPWD/shard-bench" .)
if [ -z "${PYTHON+set}" ]; then
	[ -x venv/bin/python ] || { python3 -m venv venv && venv/bin/pip install -q webdataset==1.0.2 mosaicml-streaming==0.13.0 pyarrow; }
	PYTHON=venv/bin/python
fi
[ -e "ours-$pairs/_MANIFEST.json" ] || ./shard-bench make "ours-$pairs" "$pairs"

[ -e "ours-$pairs-linked/_MANIFEST.json" ] || ./shard-bench link "ours-$pairs" 10

ours() {
	for way in "page cache, read" "page cache, mapped" "rows, metadata" "rows, all" "view, in order" "view, in order, again" \
		"view, shuffled" "view, shuffled, again" "view, metadata, shuffled, again" "view, one at random"; do
		./shard-bench read "$1" "$way"
	done
}
./shard-bench read "ours-$pairs" "page cache, read" >/dev/null # what memory holds of the files is there
for _ in 1 2 3; do ours "ours-$pairs"; done # in turn, so that other work on the machine meets all of them
ours "ours-$pairs-linked"
for peer in webdataset streaming; do
	[ -n "$PYTHON" ] || break
	[ -e "$peer-$pairs" ] || "$PYTHON" "$here/peers.py" make "$peer" "ours-$pairs" "$peer-$pairs"
	"$PYTHON" "$here/peers.py" ways | grep "^$peer" | while read -r way; do
		"$PYTHON" "$here/peers.py" read "$way" "$peer-$pairs" 2>/dev/null
	done
	[ -n "${KEEP:-}" ] || rm -rf "${peer:?}-$pairs"
done
[ -n "${KEEP:-}" ] || rm -rf "ours-$pairs" "ours-$pairs-linked"
