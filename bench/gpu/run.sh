#!/usr/bin/env bash
# The bench on a card: run.sh [OUT], in a folder that pack.sh made. No network is asked.
#
# It takes 8 minutes at most: OUT gets each result as soon as there is one, so that what was
# measured stays when it is interrupted; at the end, however it ends, OUT/table.md has
# them all. In order: conformance on the card; compute-sanitizer on small shapes; the
# card's own product; our steps; the slowest kernels; open_clip's steps on the same
# batches; training from shards. Settings:
#
#   DEVICE     cuda; cpu tries the script where there is no card, with SMALL=1
#   SMALL      1: tiny models and batches, for the test driver and for cpu
#   CASES      model:batch, default vit-b-32:1024 vit-b-32:4096 vit-l-14:256 rn50:512
#   PYTHON     python3 with torch; PEERS=0 leaves open_clip out
#   SECONDS_   of steps that are measured, 8; TRAIN of training, 60
#   PEER       seconds that each of open_clip's may take, 75
#   LIMIT      seconds after which no further part begins, 420
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-$here/out}"
out=$(realpath "${1:-$here/out}")
device=${DEVICE:-cuda}
python=${PYTHON:-python3}
if [ -n "${SMALL:-}" ]; then
	cases=${CASES:-vit-nano:8 rn-nano:4}
	seconds=${SECONDS_:-1} train=${TRAIN:-10} pairs=64 trained=vit-nano:16 eager=--eager peer=${PEER:-300} limit=${LIMIT:-1800}
	tests=${TESTS:-TestConformance/layernorm}
else
	cases=${CASES:-vit-b-32:1024 vit-b-32:4096 vit-l-14:256 rn50:512}
	seconds=${SECONDS_:-8} train=${TRAIN:-60} pairs=16384 trained=vit-b-32:1024 eager= peer=${PEER:-75} limit=${LIMIT:-420}
	tests=${TESTS:-TestConformance}
fi
export SMALL=${SMALL:-}
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# The tests take the card's driver where one is named, and the test driver otherwise.
export PAIRLOOM_LIBCUDA=${PAIRLOOM_LIBCUDA:-libcuda.so.1}

finish() {
	trap - EXIT INT TERM
	{
		echo "$(date -u +%F), $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "no card: $device")"
		echo
		cat "$out"/*.txt 2>/dev/null
		echo
		"$here/gpu" table "$out"
	} >"$out/table.md"
	cat "$out/table.md"
}
trap finish EXIT
trap 'exit 130' INT TERM

# part NAME SECONDS COMMAND: runs it unless there is no time left; its words go to NAME.log.
part() {
	local name=$1 most=$2
	shift 2
	local left=$((limit - SECONDS))
	if [ "$left" -lt 5 ]; then
		echo "$name: left out, the time is over" | tee "$out/$name.txt"
		return 1
	fi
	[ "$most" -le $((left + 60)) ] || most=$((left + 60))
	local began=$SECONDS
	timeout -k 5 "$most" "$@" >"$out/$name.log" 2>&1
	local code=$?
	echo "$name: $([ $code = 0 ] && echo done || echo "exit $code: $(tail -c 300 "$out/$name.log" | tr '\n' ' ')"), $((SECONDS - began)) s" >&2
	return $code
}

# counts says how many tests of a log passed and failed.
counts() {
	local name=$1
	[ -e "$out/$name.log" ] || return 0
	echo "$name: $(grep -c -- '--- PASS' "$out/$name.log") passed, $(grep -c -- '--- FAIL' "$out/$name.log") failed, $(grep -c -- '--- SKIP' "$out/$name.log") skipped" | tee "$out/$name.txt" >&2
}

cd "$here" || exit 1
rm -f "$out"/*.json "$out"/*.txt "$out"/*.log
if [ "$device" != cpu ]; then
	part conformance 90 ./conformance.test -test.v -test.run "$tests"
	counts conformance
	if command -v compute-sanitizer >/dev/null; then
		part sanitizer 45 compute-sanitizer --tool memcheck --error-exitcode 9 ./conformance.test -test.v -test.run TestConformance -test.skip "TestConformance/real_shapes"
		counts sanitizer
		grep -h 'ERROR SUMMARY' "$out/sanitizer.log" >>"$out/sanitizer.txt"
	fi
fi
part product 20 ./gpu product -device "$device" -out "$out/0-product.json"
for case in $cases; do
	IFS=: read -r model batch <<<"$case"
	part "step-$model-$batch" 40 ./gpu step "$model" "$batch" -device "$device" -seconds "$seconds" -inputs captions -out "$out/1-$model-$batch.json"
done
IFS=: read -r model batch <<<"${cases%% *}"
[ "$device" = cpu ] || part profile 30 ./gpu profile "$model" "$batch" -device "$device" -inputs captions -out "$out/3-profile.json"
if [ "${PEERS:-1}" != 0 ]; then
	site="$out/site"
	mkdir -p "$site"
	version=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
	for wheel in wheels/*.whl; do
		case $wheel in *-"$version"-* | *-abi3-* | *-none-any.whl) ;; *) continue ;; esac
		# What the machine has already is better matched to its PyTorch.
		name=$(basename "$wheel" | cut -d- -f1)
		"$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('${name/open_clip_torch/open_clip}') is None)" 2>/dev/null ||
			"$python" -m zipfile -e "$wheel" "$site" 2>/dev/null
	done
	export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
	for case in $cases; do
		IFS=: read -r model batch <<<"$case"
		part "peer-$model-$batch" "$peer" "$python" peer.py "$model.shape" captions "$batch" "$out/2-$model-$batch-peer.json" --model "$model" --seconds "$seconds" --device "${device%%:*}" $eager
	done
fi
IFS=: read -r model batch <<<"$trained"
if part shards 60 ./gpu shards "$out/data" "$pairs"; then
	part train $((train + 45)) ./gpu train "$out/data" "$model" "$batch" -device "$device" -seconds "$train" -out "$out/4-train.json"
	rm -rf "$out/data"
fi
exit 0
