#!/usr/bin/env bash
# Measures alttext beside resiliparse: bench/crawl/extract/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps pages and peer for
# the next run. Needs apt-get, dpkg, go and python3 with venv. Setting: ROUNDS (5).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
rounds=${ROUNDS:-5}

if [ ! -e "$work/pages" ]; then
	mkdir -p "$work/download"
	(cd "$work/download" && apt-get -qq download \
		apache2-doc cmake-doc gimp-help-en git-doc gtk-doc-tools libgtk-3-doc maint-guide postgresql-doc-15 python3.11-doc)
	for package in "$work"/download/*.deb; do dpkg-deb -x "$package" "$work/extracted"; done
	mv "$work/extracted" "$work/pages"
fi
find "$work/pages" -type f -name '*.html' | sort >"$work/list"
[ -e "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/python" -c 'import resiliparse' 2>/dev/null || "$work/venv/bin/pip" install -q Resiliparse==2.0.1
(cd "$here" && go build -o "$work/extract" .)

"$work/extract" "$work/list" "$rounds"
"$work/venv/bin/python" "$here/peer.py" "$work/list" "$rounds"
