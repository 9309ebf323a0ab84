#!/usr/bin/env bash
# Zero-shot on emoji, from nothing: bench/zeroshot/run.sh FOLDER
#
# Fetches the emoji of npm packages, crawls the pictures of three vendors from a
# site on loopback, trains, and classifies those of a fourth that training never
# saw, and then 3D ones. FOLDER keeps everything; what is done is not done again.
# Needs go, npm, python3. Settings: EPOCHS (default pairloom.yaml's), COMPARE=1
# also runs compare.yaml (figure 2 of the CLIP paper at this scale, and the shift
# with supervised models beside).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: run.sh FOLDER}"
cd "$1"
work=$PWD

mkdir -p packages
for package in emoji-datasource-{apple,google,facebook,twitter}@16.0.0 emojilib@4.0.3 emojibase-data@17.0.0 @lobehub/fluent-emoji-3d@1.1.0; do
	name=${package#@*/} # without scope
	name=${name%@*}     # without version
	if [ ! -d "packages/$name" ]; then
		archive=$(npm pack --silent "$package")
		mkdir packages/partial
		tar xzf "$archive" -C packages/partial --strip-components 1
		mv packages/partial "packages/$name"
		rm "$archive"
	fi
done
[ -d emoji ] || { python3 "$here/site.py" packages emoji.partial && mv emoji.partial emoji; }

(cd "$here/../.." && make -s build)
pairloom=$here/../../bin/pairloom
mkdir -p dataset
[ -e dataset/pairloom.yaml ] || sed "s/^  epochs: .*/  epochs: ${EPOCHS:-20}/" "$here/pairloom.yaml" >dataset/pairloom.yaml

"$pairloom" serve emoji/site --listen 127.0.0.1:8766 >/dev/null &
server=$!
trap 'kill $server' EXIT
for stage in crawl match fetch curate shard; do
	"$pairloom" "$stage" -C dataset -q
done
"$pairloom" train -C dataset
# One template, then several: eval is a stage, so that other settings are run anew.
for templates in '"{label}"' '"{label}", "{label} emoji", "A picture of {label}.", "A photo of a {label}."'; do
	sed -i "s|^  templates: .*|  templates: [${templates//&/\\&}]|" dataset/pairloom.yaml
	"$pairloom" eval -C dataset -q
	cp dataset/evaluation/eval.json "eval-$(tr -cd '{' <<<"$templates" | wc -c)-templates.json"
done
python3 "$here/table.py" eval-*-templates.json
if [ -n "${COMPARE:-}" ]; then
	cp "$here/compare.yaml" . # its paths are from its own folder on
	"$pairloom" compare compare.yaml
	cat compare/compare.md
fi
