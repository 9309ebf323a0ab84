#!/usr/bin/env bash
# Gets real pictures for the benches: pictures.sh FOLDER PACKAGE...
#
# A PACKAGE is Debian's, or npm's as NAME@VERSION; it comes to lie in FOLDER under its
# name without scope and version. Needs apt-get and dpkg, or npm. What is there is not
# fetched again.
set -euo pipefail
mkdir -p "${1:?usage: pictures.sh FOLDER PACKAGE...}"
cd "$1"
shift
for package in "$@"; do
	name=${package#@*/} # without scope
	name=${name%@*}     # without version
	[ ! -d "$name" ] || continue
	rm -rf partial
	mkdir partial
	case $package in
	*@*) (cd partial && tar xzf "$(npm pack --silent "$package")" && rm ./*.tgz) ;;
	*) (cd partial && apt-get download -qq "$package" && dpkg -x ./*.deb . && rm ./*.deb) ;;
	esac
	mv partial "$name"
done
