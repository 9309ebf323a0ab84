#!/bin/sh
# Hashes real pictures with pairloom, imagededup and ImageHash, each on one core, and
# prints the processor time that one takes with decoding, and in how many bits the
# hashes differ. DIR (default: a temporary one) keeps the pictures, 1.5 GB, and a
# Python environment. Needs apt-get, dpkg, npm and python3.
#
#     bench/phash/run.sh [DIR [COUNT]]
set -eu
cd "$(dirname "$0")/../.."
if [ $# -ge 1 ]; then dir=$(mkdir -p "$1" && cd "$1" && pwd); else dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; fi
count=${2:-10000}
go build -o "$dir/phash" ./bench/phash
here=$PWD/bench/phash
cd "$dir"
"$here/../pictures.sh" pictures openclipart-png tuxpaint-stamps-default gimp-help-en emoji-datasource-google@16.0.0
if [ ! -e venv/done ]; then
	python3 -m venv venv
	venv/bin/pip install -q imagededup imagehash
	touch venv/done
fi
[ -e speed.txt ] || venv/bin/python "$here/pictures.py" pictures . "$count"
echo "as they are, files read before:"
tr '\n' '\0' <speed.txt | xargs -0 cat >/dev/null
./phash speed.txt >speed-pairloom.txt
venv/bin/python "$here/peer.py" imagededup speed.txt >speed-imagededup.txt
venv/bin/python "$here/peer.py" imagehash speed.txt >speed-imagehash.txt
echo "on white, bits that differ:"
./phash agree.txt >agree-pairloom.txt
venv/bin/python "$here/peer.py" imagededup agree.txt >agree-imagededup.txt
venv/bin/python "$here/peer.py" imagehash agree.txt >agree-imagehash.txt
python3 "$here/agree.py" kinds.txt pairloom=agree-pairloom.txt imagehash=agree-imagehash.txt imagededup=agree-imagededup.txt
