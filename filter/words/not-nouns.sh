#!/usr/bin/env bash
# Builds filter/words/not-nouns.txt.gz from Debian's package wordnet-base. Needs
# apt-get, dpkg, gzip and Python 3.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q wordnet-base >&2
dpkg -x wordnet-base*.deb .
python3 "$here/not-nouns.py" usr/share/wordnet | gzip -9n >"$here/not-nouns.txt.gz"
