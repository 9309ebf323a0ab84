#!/usr/bin/env bash
# Looks for 200 evaluation pictures, edited, among 20,000: bench/dedup/overlap/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps the pictures. Needs go,
# npm, apt-get and dpkg.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
"$here/../../pictures.sh" "$work/pictures" openclipart-png tuxpaint-stamps-default \
	emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 @tabler/icons-png@3.48.0
(cd "$here" && go build -o "$work/overlap" . && go build -o "$work/pairloom" ../../../cmd/pairloom)
time "$work/overlap" "$work/pairloom" "$work/pictures"
