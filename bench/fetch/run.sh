#!/usr/bin/env bash
# Fetches and resizes real pictures from a server on loopback, with pairloom and with
# img2dataset: bench/fetch/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps pictures and programs.
# Needs go, python3 with venv, npm, and a Debian's apt-get and dpkg. Settings: ROWS,
# rows of the list (20000); LATENCIES, of the server ("0ms 50ms"); PEER=0 leaves
# img2dataset out; PAIRLOOM, a program that was built before.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d) temporary=$work
fi
server=
trap 'kill $server 2>/dev/null || true; rm -rf "${temporary:-}"' EXIT
cd "$work"

"$here/../pictures.sh" pictures openclipart-png tuxpaint-stamps-default emoji-datasource-google@16.0.0 @tabler/icons-png@3.48.0
[ "${PEER:-1}" = 0 ] || [ -x venv/bin/img2dataset ] || { python3 -m venv venv && venv/bin/pip install -q img2dataset==1.47.0; }
(cd "$here/../.." && go build -o "$work/fetch" ./bench/fetch)
pairloom=${PAIRLOOM:-$work/pairloom}
[ -n "${PAIRLOOM:-}" ] || (cd "$here/../.." && go build -o "$work/pairloom" ./cmd/pairloom)

rows=${ROWS:-20000}
workers=64
for latency in ${LATENCIES:-0ms 50ms}; do
	rm -rf dataset img2dataset
	"$pairloom" init dataset --contact mailto:bench@example.org --set 'gate.allow_addresses=[127.0.0.0/8]' \
		--set gate.delay=0s --set gate.latency_factor=0 --set balance.max_pairs_per_query=0 --set gate.connections_per_host=4 --set fetch.workers=$workers >/dev/null
	./fetch list -rows "$rows" -dataset dataset -csv list.csv >/dev/null
	coproc ./fetch serve -latency "$latency"
	server=$COPROC_PID
	read -r _ <&"${COPROC[0]}"
	echo "latency $latency, $rows rows:"
	./fetch measure pairloom "$rows" "$pairloom" fetch -C dataset --quiet
	if [ "${PEER:-1}" != 0 ]; then
		NO_ALBUMENTATIONS_UPDATE=1 ./fetch measure img2dataset "$rows" venv/bin/img2dataset --url_list list.csv --input_format csv --url_col url --caption_col caption \
			--output_folder img2dataset --output_format webdataset --number_sample_per_shard 1000 \
			--processes_count "$(nproc)" --thread_count $workers --timeout 60 \
			--image_size 256 --resize_mode keep_ratio --resize_only_if_bigger True --encode_quality 90 --encode_format jpg 2>img2dataset.log
		cat img2dataset/*_stats.json | python3 -c '
import json, re, sys
stats = [json.loads(s) for s in re.findall(r"\{.*?\n\}", sys.stdin.read(), re.S)]
print("img2dataset:", sum(s["successes"] for s in stats), "of", sum(s["count"] for s in stats))'
	fi
	kill -TERM "$server"
	wait "$server" 2>/dev/null || true
	server=
done
