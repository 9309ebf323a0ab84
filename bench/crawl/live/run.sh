#!/bin/sh
# Crawls a site of 200 host names on loopback with pairloom and with Scrapy, both
# without pauses, and then fills a frontier: bench/crawl/live/run.sh [PAGES [FOLDER]]
#
# PAGES (default: 20000) is what pairloom reads; Scrapy, which is slower, reads a
# tenth. FOLDER (default: a temporary one, removed at the end) keeps programs and
# Python for the next run. Needs go, python3 with venv, and GNU time. The server
# takes its share of the same cores, so that pages a second of processor time tell
# more than pages a second. FRONTIER=5000000 fills a frontier of so many
# addresses; it takes minutes.
set -eu
cd "$(dirname "$0")/../../.."
pages=${1:-20000}
if [ $# -ge 2 ]; then mkdir -p "$2" && work=$2; else work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; fi
go build -o "$work/live" ./bench/crawl/live
go build -o "$work/pairloom" ./cmd/pairloom
[ -e "$work/venv/bin/scrapy" ] || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q scrapy==2.19.0; }

serve() {
	"$work/live" -hosts 200 -pages 500 -port 8901 & server=$!
	sleep 1
}
end() { kill -TERM $server; wait $server; }

rm -rf "$work/crawl"
mkdir "$work/crawl"
{
	echo "crawl:"
	echo "  seeds:"
	for h in $(seq 200); do echo "    - http://127.0.0.$h:8901/0"; done
	printf '  max_pages: %s\n  max_per_host: 0\n  workers: 64\n' "$pages"
	echo "gate:"
	printf '  contact: mailto:bench@localhost\n  allow_addresses: [127.0.0.0/8]\n'
	printf '  delay: 0s\n  latency_factor: 0\n  connections_per_host: 4\n'
} >"$work/crawl/pairloom.yaml"

serve
/usr/bin/time -o "$work/time" -f '%e %U %S %M' "$work/pairloom" crawl -C "$work/crawl" --quiet
awk -v n="$pages" '{printf "pairloom: %d pages in %.1f s: %.0f pages/s, %.0f pages a second of processor time, %.0f MiB\n", n, $1, n/$1, n/($2+$3), $4/1024}' "$work/time"
end
serve
"$work/venv/bin/python" bench/crawl/live/peer.py $((pages / 10)) 200 8901
end
go test ./crawl/frontier -run '^$' -bench "Frontier/pages=${FRONTIER:-1000000}\$" -benchtime 1x -timeout 2h | grep '^Bench'
