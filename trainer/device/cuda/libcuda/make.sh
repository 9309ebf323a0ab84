#!/usr/bin/env bash
# Makes FOLDER/libcuda.a, which a program with the build tag cuda links in place of the
# driver (see shim.c): libcuda/make.sh FOLDER HEADERS, where HEADERS holds cuda.h, and
# each function that it declares gets a place.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A function's name behind the preprocessor is the one that programs link.
functions=$(echo '#include <cuda.h>' | ${CC:-gcc} -E -P -I"$2" - | grep -oE '\bcu[A-Z][A-Za-z0-9_]*\(' | tr -d '(' | sort -u | grep -vx cuInit)
{
	case $(uname -m) in
	x86_64) jump() { echo "$1: jmp *pairloom_cuda_functions+$2(%rip)"; } ;;
	aarch64) jump() { echo "$1: adrp x16, pairloom_cuda_functions+$2; ldr x16, [x16, :lo12:pairloom_cuda_functions+$2]; br x16"; } ;;
	*) echo "libcuda/make.sh: CUDA is for x86_64 and aarch64, this is $(uname -m)" >&2; exit 1 ;;
	esac
	echo ".text"
	at=0
	for f in $functions; do
		echo ".globl $f"
		echo ".type $f, %function"
		jump "$f" $at
		at=$((at + 8))
	done
	echo ".data; .balign 8; .globl pairloom_cuda_functions, pairloom_cuda_names, pairloom_cuda_count"
	echo "pairloom_cuda_functions: .zero $at"
	echo "pairloom_cuda_names:"
	for f in $functions; do echo ".quad name_$f"; done
	echo "pairloom_cuda_count: .int $((at / 8))"
	for f in $functions; do echo "name_$f: .asciz \"$f\""; done
	echo '.section .note.GNU-stack,"",%progbits'
} >"$work/functions.S"
${CC:-gcc} -O2 -fPIC -c "$here/shim.c" -o "$work/shim.o"
${CC:-gcc} -c "$work/functions.S" -o "$work/functions.o"
ar rcsD "$work/libcuda.a" "$work/shim.o" "$work/functions.o"
mv "$work/libcuda.a" "$1/libcuda.a"
