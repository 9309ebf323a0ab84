#!/usr/bin/env bash
# Measures the text rules beside Data-Juicer's operators: bench/filter/run.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps texts and peers for the
# next run. Needs apt-get, dpkg, go, node with npm, and python3 with venv. Settings:
# TEXTS (1000000), PEER_TEXTS (100000, the first of them, for the peers).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ge 1 ]; then
	mkdir -p "$1"
	work=$(realpath "$1")
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
texts=${TEXTS:-1000000} peers=${PEER_TEXTS:-100000}

"$here/../match/texts.sh" "$work" "$texts"
input=$work/texts.$texts
head -n "$peers" "$input" >"$work/filter.sample"
(cd "$here" && go build -o "$work/filterbench" .)
[ -e "$work/filter-venv/bin/python" ] || python3 -m venv "$work/filter-venv"
python=$work/filter-venv/bin/python
"$python" -c 'import data_juicer.ops.filter.words_num_filter' 2>/dev/null ||
	"$work/filter-venv/bin/pip" install -q py-data-juicer==1.6.1 fasttext-predict aiohttp ray
mkdir -p "$work/filter-npm"
[ -e "$work/filter-npm/node_modules/wink-nlp" ] || (cd "$work/filter-npm" && npm install --silent --no-save wink-nlp wink-eng-lite-web-model)

"$work/filterbench" "$input"
"$work/filterbench" -decisions "$work/filter.decisions" "$work/filter.sample"
"$python" "$here/peers.py" "$work/filter.sample" "$here/../../filter/words" "$here/../../filter/language/lid.176.ftz" "$work/filter.decisions" "$peers"
(cd "$work/filter-npm" && node "$here/tagger.js" "$work/filter.sample" "$work/filter.decisions" 20000)
