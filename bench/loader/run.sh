#!/usr/bin/env bash
# The loader beside open_clip, Pillow, torchvision.io and turbojpeg, on the same pictures:
# run.sh [SECONDS]. PYTHON names one with open_clip_torch, torchvision, pillow and, for
# turbojpeg, PyTurboJPEG (before its version 2, with Debian's libturbojpeg0).
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-2}
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go build -o "$folder/loader" ./bench/loader
mkdir "$folder/stored"
# as the fetch stage stores them: quality 90, colours at half the resolution
"$python" - trainer/batch/testdata "$folder/stored" <<'END'
import glob, os, sys
from PIL import Image
for path in glob.glob(os.path.join(sys.argv[1], "*.jpg")):
    Image.open(path).convert("RGB").save(os.path.join(sys.argv[2], os.path.basename(path)), quality=90, subsampling="4:2:0")
END
for pictures in trainer/batch/testdata "$folder/stored"; do
	printf '\n%s, %d bytes a picture\n\n' "$(basename "$pictures")" $(($(cat "$pictures"/*.jpg | wc -c) / $(ls "$pictures"/*.jpg | wc -l)))
	for turn in 1 2; do # in turn, so that what else the machine does meets both
		"$folder/loader" -pictures "$pictures" -seconds "$seconds" -cached=false | tail -n +2
		"$python" bench/loader/peer.py "$pictures" "$seconds"
	done
done
"$folder/loader" -seconds "$seconds" -resolutions 64,112,224
