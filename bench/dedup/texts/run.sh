#!/usr/bin/env bash
# Measures near-duplicate texts beside datasketch: bench/dedup/texts/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps texts and the peer for
# the next run. Needs apt-get, dpkg, go, python3 with venv and about 8 GB of memory,
# for the peer. Settings: TEXTS (1000000), SIMILARITY (0.8), MIB (256), SAMPLE (5000),
# HASHES ("xxh32 sha1": of the peer).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
texts=${TEXTS:-1000000} similarity=${SIMILARITY:-0.8} sample=${SAMPLE:-5000}
(cd "$here" && go build -o "$work/texts" .)
"$here/../../match/texts.sh" "$work" 2000000
input=$work/captions.$texts
[ -e "$input" ] || "$work/texts" make "$work/texts.2000000" "$texts" "$input"
[ -e "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/python" -c 'import datasketch, xxhash' 2>/dev/null || "$work/venv/bin/pip" install -q datasketch==1.6.5 xxhash
read -r bands rows <<<"$("$work/texts" banding "$similarity")"
echo "$texts texts, similarity $similarity: $bands bands of $rows rows"
printf 'program\ttexts\tseconds\tprocessor seconds\tpeak MiB\tdropped\n'
"$work/texts" run "$input" "$similarity" "${MIB:-256}" "$work/dropped.pairloom"
dropped=("$work/dropped.pairloom")
for hash in ${HASHES:-xxh32 sha1}; do
	"$work/venv/bin/python" "$here/peer.py" "$input" "$bands" "$rows" "$hash" "$work/dropped.$hash"
	dropped+=("$work/dropped.$hash")
done
"$work/texts" judge "$input" "$similarity" "$sample" "${dropped[@]}"
"$work/texts" numbers "$texts" "$work/numbers"
echo "captions that differ in a number:"
"$work/texts" run "$work/numbers" "$similarity" "${MIB:-256}" "$work/dropped.numbers"
