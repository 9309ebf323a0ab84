#!/bin/sh
# Measures the search for near pictures on 1, 10 and 100 million hashes made from those
# of real pictures, and faiss's and imagededup's on as many of their queries as take
# some minutes; then components with a few new hashes. Needs apt-get, dpkg, npm, python3
# with venv, and 4 GB of disk in DIR, which keeps everything.
#
#     bench/dedup/run.sh [DIR]
set -eu
cd "$(dirname "$0")/../.."
here=$PWD
dir=${1:-${TMPDIR:-/tmp}/bench-dedup}
mkdir -p "$dir"
go build -o "$dir/dedup" ./bench/dedup
cd "$dir"
if [ ! -e venv/done ]; then
	python3 -m venv venv
	venv/bin/pip install -q faiss-cpu==1.15.1 numpy pillow ImageHash==4.3.2 scikit-learn tqdm
	venv/bin/pip install -q --no-deps imagededup==0.3.3.post2 # its dependencies have PyTorch, which its hashes do without
	touch venv/done
fi
if [ ! -e real.u64 ]; then
	"$here/bench/pictures.sh" pictures openclipart-png emoji-datasource-google@16.0.0 @tabler/icons-png@3.48.0
	venv/bin/python "$here/bench/dedup/hashes.py" real.u64 pictures
fi
for million in 1 10 100; do
	[ -e $million.u64 ] || ./dedup -real real.u64 -hashes $((1170000 * million)) -file $million.u64
	./dedup -file $million.u64 -memory_mib 1024
	./dedup -file $million.u64 -memory_mib 1024 -do components
done
./dedup -file 10.u64 -do more -new 10000
venv/bin/python "$here/bench/dedup/peers.py" 1.u64 1000
venv/bin/python "$here/bench/dedup/peers.py" 10.u64 10000
