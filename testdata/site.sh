#!/bin/sh
# Rebuilds testdata/site from the documentation packages that Debian 12 ships
# for scikit-image and scikit-learn. Needs apt-get, dpkg and go; no root.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for package in python-skimage-doc python-sklearn-doc; do
	(cd "$work" && apt-get download "$package" && dpkg -x "$package"_*.deb "$package")
done
go run site.go -out site \
	"skimage=$work/python-skimage-doc/usr/share/doc/python-skimage-doc/html" \
	"sklearn=$work/python-sklearn-doc/usr/share/doc/python-sklearn-doc/html"
