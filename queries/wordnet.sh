#!/usr/bin/env bash
# Builds queries/wordnet-3.0.zst from Debian's package wordnet-base: each word
# and phrase of WordNet's synsets, as spelled there, with the number of synsets
# that hold it. Needs apt-get, dpkg, awk and zstd. The result depends on the
# package alone.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q wordnet-base >&2
dpkg -x wordnet-base*.deb .
data=usr/share/wordnet
{
	echo "# pairloom queries 1"
	echo "# recipe: all words and phrases of WordNet's synsets, in order of code points"
	for pos in adj adv noun verb; do
		echo "# source: wordnet 3.0 data.$pos sha256 $(sha256sum <$data/data.$pos | cut -d' ' -f1)"
	done
	# A line of data.POS: offset, file number, type, words in hexadecimal, then
	# each word with its lexical id. Adjectives may carry a marker such as (p).
	# (WordNet 3.0 manual, wndb(5).)
	cat $data/data.{adj,adv,noun,verb} | awk '
		/^ / { next }
		{
			hex = "0123456789abcdef"
			n = 16 * (index(hex, substr($4, 1, 1)) - 1) + index(hex, substr($4, 2, 1)) - 1
			for (i = 0; i < n; i++) {
				w = $(5 + 2 * i)
				sub(/\((a|p|ip)\)$/, "", w)
				gsub(/_/, " ", w)
				count[w]++
			}
		}
		END { for (w in count) printf "%s\twordnet\t%d\n", w, count[w] }' | sort -t "$(printf '\t')" -k1,1
} >list
zstd -q -19 --no-progress -f list -o "$here/wordnet-3.0.zst"
echo "$(grep -vc '^#' list) entries" >&2
