#!/usr/bin/env bash
# Makes FOLDER/texts.COUNT, the texts of the benches, from Debian's documentation
# packages: texts.sh FOLDER COUNT. Needs apt-get, dpkg and python3. What is there
# is not made again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1 texts=$2
packages=(gimp-help-en python3.11-doc debian-reference-en linux-doc-6.1 libreoffice-help-en-us rust-doc
	git-doc postgresql-doc-15 debian-handbook developers-reference octave-doc maxima-doc tuxpaint-data)
[ ! -e "$work/texts.$texts" ] || exit 0
mkdir -p "$work/debs" "$work/pages"
(cd "$work/debs" && apt-get download -q "${packages[@]}" >&2)
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/pages"; done
python3 "$here/texts.py" "$work/pages" "$texts" "$work/texts.partial"
mv "$work/texts.partial" "$work/texts.$texts"
