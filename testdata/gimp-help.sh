#!/usr/bin/env bash
# Gets the English manual of GIMP for the demo and prints the folder of its
# pages: Debian's package gimp-help-en, downloaded and unpacked into the folder
# given (no root needed; about 70 MB). Fails where there is no apt-get, or no
# network. The manual is under the GNU Free Documentation License 1.2 or later;
# none of it is kept in this repository.
set -euo pipefail
into=${1:?usage: gimp-help.sh FOLDER}
pages=$into/usr/share/gimp/2.0/help/en
if [ ! -e "$pages/index.html" ]; then
	if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
		echo "gimp-help.sh: no apt-get here; the demo uses the small site in testdata/site" >&2
		exit 1
	fi
	mkdir -p "$into"
	cd "$into"
	# A new machine may have no package lists yet; only root can get them.
	if ! apt-get download -qq gimp-help-en 2>/dev/null >&2 &&
		! { [ "$(id -u)" = 0 ] && apt-get update -qq >&2 && apt-get download -qq gimp-help-en >&2; }; then
		echo "gimp-help.sh: gimp-help-en cannot be downloaded; the demo uses the small site in testdata/site" >&2
		exit 1
	fi
	dpkg -x gimp-help-en_*.deb .
	rm gimp-help-en_*.deb
	cd - >/dev/null
fi
echo "$pages"
