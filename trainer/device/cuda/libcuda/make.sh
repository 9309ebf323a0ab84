#!/usr/bin/env bash
# Makes FOLDER/lib/libcuda.a, which a program with the build tag cuda links in place of
# the driver (see shim.c), from what the compiled packages leave open:
# libcuda/make.sh FOLDER HEADERS, where HEADERS holds cuda.h.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/lib"
out=$(realpath "$1")
export CGO_CFLAGS="-I$(realpath "$2")"
ar rcs "$out/lib/libcuda.a"
archives=$(CGO_LDFLAGS="-L$out/lib -Wl,--unresolved-symbols=ignore-all" "${GO:-go}" list -tags cuda -export -f '{{.Export}}' gorgonia.org/cu "$here/..")
# Open in one archive, defined in none.
symbols() { nm $archives 2>/dev/null | awk -v kind="$1" 'NF >= 2 && $(NF-1) == kind && $NF ~ /^cu[A-Z]/ { print $NF }' | sort -u; }
functions=$(comm -23 <(symbols U) <(symbols T) | grep -vx cuInit)
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
} >"$out/functions.S"
${CC:-gcc} -O2 -fPIC -c "$here/shim.c" -o "$out/shim.o"
${CC:-gcc} -c "$out/functions.S" -o "$out/functions.o"
rm "$out/lib/libcuda.a"
ar rcs "$out/lib/libcuda.a" "$out/shim.o" "$out/functions.o"
echo "$out/lib/libcuda.a: $(echo "$functions" | wc -l) functions"
