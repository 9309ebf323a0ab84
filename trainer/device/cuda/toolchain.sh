#!/usr/bin/env bash
# Runs a command with what Go needs to build with the tag cuda, from any folder:
#
#	trainer/device/cuda/toolchain.sh go test -tags cuda ./trainer/device/cuda/...
#
# That is cuda.h of CUDA 12, of a toolkit in CUDA_HOME or /usr/local/cuda, or else of a
# wheel; and a libcuda to link (libcuda/). Both lie in .cuda at the root. The wheels of
# the compiler, which only those who change a kernel need, are fetched by
# toolchain.sh --compiler COMMAND: see compile/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cuda=$(cd "$here/../../.." && pwd)/.cuda

# wheel NAME VERSION FOLDER FILES...: FILES of NVIDIA's wheel in .cuda/nvidia/FOLDER.
# They may not be handed on with a program, so everyone fetches their own.
wheel() {
	local name=$1 version=$2 folder=$3
	shift 3
	[ -e "$cuda/nvidia/$folder" ] && return
	mkdir -p "$cuda"
	local work
	work=$(mktemp -d "$cuda/wheel-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	echo "fetching $name $version" >&2
	python3 -m pip download -q --disable-pip-version-check --no-deps -d "$work" "$name==$version" >&2
	python3 - "$work"/*.whl "$work" "${@/#/nvidia/$folder/}" <<-'PYTHON'
		import fnmatch, sys, zipfile
		wheel = zipfile.ZipFile(sys.argv[1])
		wheel.extractall(sys.argv[2], [n for n in wheel.namelist() if any(fnmatch.fnmatch(n, files) for files in sys.argv[3:])])
	PYTHON
	mkdir -p "$cuda/nvidia"
	mv "$work/nvidia/$folder" "$cuda/nvidia/$folder"
	rm -rf "$work"
	trap - EXIT
}

if [ "${1:-}" = --compiler ]; then
	shift
	wheel nvidia-cuda-nvrtc-cu12 12.9.86 cuda_nvrtc lib/libnvrtc.so.12 lib/libnvrtc-builtins.so.12.9
	wheel nvidia-cuda-nvcc-cu12 12.9.86 cuda_nvcc bin/ptxas
	chmod +x "$cuda/nvidia/cuda_nvcc/bin/ptxas"
fi

# CUDA 13's functions take other arguments than gorgonia.org/cu gives them.
headers=
for home in ${CUDA_HOME:+"$CUDA_HOME"} /usr/local/cuda; do
	if [ -z "$headers" ] && grep -qs '^#define CUDA_VERSION 12' "$home/include/cuda.h"; then headers=$home/include; fi
done
if [ -z "$headers" ]; then
	wheel nvidia-cuda-runtime-cu12 12.9.79 cuda_runtime 'include/*'
	headers=$cuda/nvidia/cuda_runtime/include
fi
for source in "$here/libcuda/make.sh" "$here/libcuda/shim.c" "$headers/cuda.h"; do
	if [ ! "$cuda/lib/libcuda.a" -nt "$source" ]; then
		"$here/libcuda/make.sh" "$cuda/lib" "$headers"
		break
	fi
done

# gorgonia.org/cu looks into folders of its own choice first. Where these hold nothing,
# gcc's variables do: unlike Go's they leave all other packages as they were compiled.
if compgen -G '/usr/local/cuda*/include/cuda.h' >/dev/null || compgen -G '/opt/cuda/include/cuda.h' >/dev/null ||
	compgen -G '/usr/include/cuda.h' >/dev/null || compgen -G '/usr/lib/*/libcuda.so' >/dev/null; then
	export CGO_CFLAGS="${CGO_CFLAGS--g -O2} -I$headers" CGO_LDFLAGS="-L$cuda/lib ${CGO_LDFLAGS--g -O2}"
else
	export CPATH="$headers${CPATH:+:$CPATH}" LIBRARY_PATH="$cuda/lib${LIBRARY_PATH:+:$LIBRARY_PATH}"
fi
exec "$@"
