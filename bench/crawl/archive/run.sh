#!/usr/bin/env bash
# Measures reading archives beside its peers: bench/crawl/archive/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps archives, programs and
# Python for the next run; 6 GB. Needs go, apt-get, dpkg, wget, and python3 with venv or
# PYTHON, one that has the peers named below. Settings: ROUNDS (3).
#
# The pages of Debian's documentation packages are served on loopback and crawled by
# wget, whose WARC file is the input; the WAT file is made from it in Common Crawl's
# form. Programs take turns; processor seconds are counted, so that other work on the
# machine matters less, and the best of each is shown. At the end warcio reads what a
# crawl of pairloom's with crawl.warc has kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${ROUNDS:-3}
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
(cd "$here" && go build -o "$work/tool" . && go build -o "$work/pairloom" ../../../cmd/pairloom)
cd "$work"
python=${PYTHON:-$work/venv/bin/python}
if [ ! -x "$python" ]; then
	rm -rf venv
	python3 -m venv venv
	venv/bin/pip install -q cc2dataset==1.5.0 fastwarc==2.0.1 resiliparse==2.0.1 warcio==1.8.1
fi

if [ ! -e site.done ]; then
	mkdir -p debs site
	(cd debs && for p in $packages; do [ -n "$(ls "$p"_* 2>/dev/null)" ] || apt-get download -q "$p" >/dev/null; done)
	for d in debs/*.deb; do dpkg-deb -x "$d" site; done
	touch site.done
fi
server=
serve() {
	rm -f address
	./tool serve site >address &
	server=$!
	while [ ! -s address ]; do kill -0 $server; done
}
end() {
	kill $server
	wait $server || true
}
if [ ! -e docs.warc.gz ]; then
	mkdir -p crawl
	serve
	(cd crawl && wget -q -r -l 1 -e robots=off --no-directories --delete-after --warc-file=../new --no-warc-keep-log \
		"$(cat ../address)robots.txt" "$(cat ../address)") || true # wget reports pages that are not there
	end
	mv new.warc.gz docs.warc.gz
fi
if [ ! -e docs.warc.wat.gz ]; then
	./tool wat docs.warc.gz new.wat.gz
	mv new.wat.gz docs.warc.wat.gz
fi
for f in docs.warc.gz docs.warc.wat.gz; do
	printf '%s: %s bytes, %s inflated\n' $f "$(stat -c %s $f)" "$(gzip -dc $f | wc -c)"
done

printf '\nfile\tprogram\tseconds\timages\n'
for kind in wat warc; do
	file=docs.warc.gz
	[ $kind = warc ] || file=docs.warc.wat.gz
	for _ in $(seq "$rounds"); do
		"$python" "$here/peers.py" $kind $file
		./tool measure $file
	done | sort -t$'\t' -k1,1 -k2,2n | awk -F'\t' -v kind=$kind '!seen[$1]++ { print kind "\t" $0 }'
done

printf '\nwarcio reads what crawl.warc keeps:\n'
serve
rm -rf live
mkdir live
cat >live/pairloom.yaml <<END
crawl:
  seeds: [$(cat address)]
  max_pages: 300
  max_per_host: 0
  warc: true
gate:
  contact: mailto:bench@localhost
  allow_addresses: [127.0.0.0/8]
  delay: 0s
  latency_factor: 0
END
./pairloom crawl -C live --quiet
end
"$python" "$here/warcio_reads.py" live
