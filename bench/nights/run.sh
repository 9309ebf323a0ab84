#!/usr/bin/env bash
# Thirty nights of cron on a site that changes: bench/nights/run.sh [FOLDER [NIGHTS]]
#
# FOLDER (default: a temporary one, removed at the end) becomes the dataset. Needs go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here/../.." && go build -o "$work/nights" ./bench/nights)
"$work/nights" "${1:-$work/dataset}" "${2:-30}"
