#!/usr/bin/env bash
# Measures package match beside its peers: bench/match/run.sh LIST [FOLDER]
#
# LIST is a query list (queries/*.zst). FOLDER (default: a temporary one, removed
# at the end) keeps pages, texts and peers for the next run. Needs apt-get, dpkg,
# cargo, go, python3 with venv and zstd. Settings: TEXTS (2000000), ROUNDS (3),
# SAMPLE (200 texts for MetaCLIP's loop).
#
# Each round runs every program once, so that what else the machine does falls on
# all; the table takes each program's best round.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
list=$(realpath "${1:?usage: run.sh LIST [FOLDER]}")
if [ $# -ge 2 ]; then
	mkdir -p "$2"
	work=$(realpath "$2")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
texts=${TEXTS:-2000000} rounds=${ROUNDS:-3} sample=${SAMPLE:-200}

"$here/texts.sh" "$work" "$texts"
input=$work/texts.$texts
(cd "$here" && go build -o "$work/match" .)
CARGO_TARGET_DIR=$work/target cargo build -q --release --locked --manifest-path "$here/rust/Cargo.toml"
rust=$work/target/release/peers
[ -e "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/python" -c 'import ahocorasick' 2>/dev/null || "$work/venv/bin/pip" install -q pyahocorasick==2.3.1

zstd -dcq "$list" | grep -v '^# ' | cut -f1 >"$work/entries"
for mode in clean metaclip; do "$work/match" compile "$list" $mode "$work/compiled.$mode"; done
"$work/match" plain "$list" "$input" "$work/plain"
head -n "$sample" "$input" >"$work/sample"

results=$work/results.tsv
: >"$results"
for _ in $(seq "$rounds"); do
	for cores in 1 2; do "$work/match" run "$work/compiled.clean" clean "$input" $cores; done
	"$work/match" run "$work/compiled.metaclip" metaclip "$input" 1
	for engine in daachorse aho; do
		for way in check wrap; do "$rust" $engine $way "$work/plain.entries" "$work/plain.texts" 1; done
	done
	"$work/venv/bin/python" "$here/peers.py" pyahocorasick "$work/plain.entries" "$work/plain.texts" $((texts / 10))
	"$work/venv/bin/python" "$here/peers.py" metaclip "$work/entries" "$input" "$sample"
done >>"$results"
"$work/match" run "$work/compiled.metaclip" metaclip "$work/sample" 1 | sed 's/^/sample: /' >>"$results"
python3 "$here/table.py" "$results" "$input"
