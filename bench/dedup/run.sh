#!/bin/sh
# Measures the search for near pictures on 1, 10 and 100 million hashes made from those
# of real pictures, and faiss's and imagededup's on as many of their queries as take
# some minutes; then components with a few new hashes. Needs node's npm, python3, 4 GB of
# disk, and Debian's openclipart-png where apt-get may install it.
#
#     bench/dedup/run.sh [DIR]
set -eu
cd "$(dirname "$0")/../.."
here=$PWD
dir=${1:-${TMPDIR:-/tmp}/bench-dedup}
mkdir -p "$dir"
go build -o "$dir/dedup" ./bench/dedup
cd "$dir"
if [ ! -e real.u64 ]; then
	npm install --silent --ignore-scripts --prefix . emoji-datasource-google @tabler/icons-png
	apt-get install -y -qq openclipart-png || echo "without openclipart-png: the hashes are those of icons alone"
	[ -e venv ] || python3 -m venv venv
	venv/bin/pip install -q faiss-cpu numpy pillow ImageHash scikit-learn tqdm
	venv/bin/pip install -q --no-deps imagededup
	venv/bin/python "$here/bench/dedup/hashes.py" real.u64 node_modules /usr/share/openclipart/png
fi
for million in 1 10 100; do
	[ -e $million.u64 ] || ./dedup -real real.u64 -hashes $((1170000 * million)) -file $million.u64
	./dedup -file $million.u64 -memory_mib 1024
	./dedup -file $million.u64 -memory_mib 1024 -do components
done
./dedup -file 10.u64 -do more -new 10000
venv/bin/python "$here/bench/dedup/peers.py" 1.u64 1000
venv/bin/python "$here/bench/dedup/peers.py" 10.u64 10000
