#!/usr/bin/env bash
# Packs what run.sh needs on a machine with a card and nothing else: pack.sh FOLDER
#
# FOLDER gets the bench's program, the conformance tests, both with their PTX in them; the
# shared libraries that they link and a machine may lack; captions; and the wheels of
# open_clip. Needs what make cuda needs, and pip with a network for the wheels. Settings:
#
#   TOOLCHAIN  what runs go with the tag's headers; empty where CGO_CFLAGS and CGO_LDFLAGS name them
#   WHEELS     wheels that pip gets, without what they depend on; empty for none
#   PYTHONS    versions of Python that the wheels are for, "3.11 3.12 3.13"
#   LIMIT      64 MiB, over which the pack is refused
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "${1:?usage: pack.sh FOLDER}"
to=$(realpath "$1")
wheels=${WHEELS-open_clip_torch==3.3.0 timm ftfy regex wcwidth huggingface_hub safetensors tqdm torchvision==0.26.0}
toolchain=${TOOLCHAIN-$root/trainer/device/cuda/toolchain.sh}

rm -rf "$to/lib" "$to/wheels"
mkdir -p "$to/lib" "$to/wheels"
(cd "$here" && $toolchain go build -tags cuda -ldflags="-s -w" -o "$to/gpu" .)
(cd "$root" && $toolchain go test -c -tags cuda -vet=off -ldflags="-s -w" -o "$to/conformance.test" ./trainer/device/cuda)
# What Linux has everywhere is not carried: the C library and what belongs to it.
for program in "$to/gpu" "$to/conformance.test"; do
	ldd "$program" | awk '$3 ~ /^\// { print $3 }' | { grep -Ev '/(libc|libm|libdl|libpthread|librt|libresolv|ld-linux-x86-64)\.so' || true; } | xargs -r -n1 cp -Lt "$to/lib" -u
done
glibc=$(for f in "$to/gpu" "$to/conformance.test" "$to"/lib/*; do objdump -T "$f" 2>/dev/null; done | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
"$to/gpu" inputs "$to/captions" 4096
for model in vit-nano rn-nano vit-b-32 vit-l-14 rn50; do "$to/gpu" shape $model >"$to/$model.shape"; done
cp "$here/run.sh" "$here/peer.py" "$to"
for version in ${PYTHONS:-3.11 3.12 3.13}; do
	for wheel in $wheels; do
		python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version "$version" -d "$to/wheels" "$wheel" ||
			echo "pack.sh: no wheel of $wheel for Python $version; run.sh does without where the machine has it" >&2
	done
done
bytes=$(du -sb "$to" | cut -f1)
echo "$to: $((bytes >> 20)) MiB; the machine's C library must be $glibc or later"
[ "$bytes" -le "${LIMIT:-67108864}" ] || { echo "pack.sh: more than ${LIMIT:-67108864} bytes; leave wheels out (WHEELS)" >&2; exit 1; }
