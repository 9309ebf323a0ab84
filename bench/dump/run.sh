#!/usr/bin/env bash
# Speed and peak memory of counting a dump.
#
# usage: bench/dump/run.sh [GIGABYTES]     (5 unless told)
#
# Makes a dump from the articles of gensim's shortened enwiki dump (CC BY-SA; in
# gensim's source distribution on PyPI), repeated and shuffled (generate.py), and
# counts it plain and as multistream bzip2 of a tenth of it, with one worker and
# with one for each processor, at --memory 1GiB. Prints MB of XML a second and
# the peak resident memory. Needs pip, python3, bzip2, split and GNU time. pip builds
# gensim's metadata, which takes minutes; GENSIM_SDIST names a copy that you have.
# Works under TMPDIR, which needs twice the size.
set -euo pipefail
cd "$(dirname "$0")/../.."
size=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/pairloom" ./cmd/pairloom
source=${GENSIM_SDIST:-}
if [ -z "$source" ]; then
	pip download -q --no-deps --no-binary gensim -d "$work" gensim==4.4.0 >&2
	source=$(ls "$work"/gensim-*.tar.gz)
fi
tar xzf "$source" -C "$work" --wildcards '*/enwiki-latest-pages-articles1*.bz2'
small=$(find "$work" -name 'enwiki-latest-pages-articles1*.bz2')
python3 bench/dump/generate.py "$small" $((size * 1000000000)) 1 "$work/dump.xml"
# Multistream: one bzip2 stream for each 2 MB.
head -c $((size * 100000000)) "$work/dump.xml" >"$work/part.xml"
echo '</page></mediawiki>' >>"$work/part.xml"
split -b 2000000 --filter='bzip2 -c' "$work/part.xml" >"$work/part.xml.bz2"

run() { # name, file, XML bytes, workers and processors, memory
	rm -rf "$work/temp"
	GOMAXPROCS=$4 /usr/bin/time -f "%e %M" -o "$work/time" "$work/pairloom" queries build --quiet --dump "$2" --workers "$4" --memory "$5" \
		--min-pmi 8 --min-phrase-count 100 --temp "$work/temp" --out "$work/$1.zst" >&2
	read -r seconds kib <"$work/time"
	awk -v n="$1" -v b="$3" -v w="$4" -v m="$5" -v s="$seconds" -v k="$kib" \
		'BEGIN { printf "%-8s %6.2f GB  workers %d  memory %-7s %7.1f s  %6.1f MB/s  %6.1f MB/s a worker  peak %d MiB\n", n, b/1e9, w, m, s, b/1e6/s, b/1e6/s/w, k/1024 }'
}
all=$(nproc)
xml=$(stat -c %s "$work/dump.xml")
part=$(stat -c %s "$work/part.xml")
run plain "$work/dump.xml" "$xml" "$all" 1GiB
run bz2-1 "$work/part.xml.bz2" "$part" 1 1GiB
run bz2 "$work/part.xml.bz2" "$part" "$all" 1GiB
run part-1 "$work/part.xml" "$part" 1 1GiB
run part "$work/part.xml" "$part" "$all" 1GiB
run little "$work/part.xml" "$part" "$all" 64MiB
# The lists must be the same for any workers, memory and form but the header.
for f in bz2-1 bz2 part-1 part little; do
	echo "$f $(zstdcat "$work/$f.zst" | grep -v '^# ' | sha256sum | cut -c1-16)"
done
