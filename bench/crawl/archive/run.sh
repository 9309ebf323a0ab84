#!/usr/bin/env bash
# Measures reading archives beside its peers: bench/crawl/archive/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps the archives. Needs go,
# apt-get, dpkg, wget and a Python with cc2dataset 1.5.0, FastWARC and resiliparse 2.0,
# and warcio 1.8 (PYTHON, default python3). Settings: ROUNDS (3).
#
# The pages of Debian's documentation packages are served on loopback and crawled by
# wget, whose WARC file is the input; the WAT file is made from it in Common Crawl's
# form. Programs take turns; processor seconds are counted, so that other work on the
# machine matters less, and the best of each is shown.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3} rounds=${ROUNDS:-3}
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
packages="openjdk-17-doc qtbase5-doc-html libboost1.74-doc libgtk-3-doc inkscape-tutorials postgresql-doc-15 libreoffice-help-en-us
libreoffice-help-de octave-doc python3.11-doc python-pandas-doc opencv-doc libstdc++-12-doc erlang-doc cmake-doc wx3.2-doc debian-reference-en
gimp-help-en gimp-help-de gimp-help-fr gimp-help-es gimp-help-ru gimp-help-it gimp-help-ja gimp-help-ko gimp-help-nl gimp-help-pt gimp-help-sv
gimp-help-nn gimp-help-el kicad-doc-en kicad-doc-de kicad-doc-fr kicad-doc-es"
(cd "$here" && go build -o "$work/tool" .)
cd "$work"

if [ ! -e docs.warc.gz ]; then
	mkdir -p debs site crawl
	(cd debs && for p in $packages; do [ -n "$(ls "$p"_* 2>/dev/null)" ] || apt-get download -q "$p" >/dev/null; done)
	for d in debs/*.deb; do dpkg-deb -x "$d" site; done
	./tool serve site >address &
	server=$!
	while [ ! -s address ]; do kill -0 $server; done
	(cd crawl && wget -q -r -l 1 -e robots=off --no-directories --delete-after --warc-file=../new --no-warc-keep-log \
		"$(cat ../address)robots.txt" "$(cat ../address)") || true # wget reports pages that are not there
	kill $server
	mv new.warc.gz docs.warc.gz
fi
if [ ! -e docs.warc.wat.gz ]; then
	./tool wat docs.warc.gz new.wat.gz
	mv new.wat.gz docs.warc.wat.gz
fi
for f in docs.warc.gz docs.warc.wat.gz; do
	printf '%s: %s bytes, %s inflated\n' $f "$(stat -c %s $f)" "$(gzip -dc $f | wc -c)"
done

for kind in wat warc; do
	file=docs.warc.gz
	[ $kind = warc ] || file=docs.warc.wat.gz
	for _ in $(seq "$rounds"); do
		"$python" "$here/peers.py" $kind $file
		./tool measure $file
	done | sort -t$'\t' -k1,1 -k2,2n | awk -F'\t' -v kind=$kind '!seen[$1]++ { print kind "\t" $0 }'
done

"$python" "$here/warcio_reads.py" "$work"
