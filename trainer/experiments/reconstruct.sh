#!/usr/bin/env bash
# Makes the bank of networks that draw real faces anew (docs/fakes.md), and a picture of them.
#
#   trainer/experiments/reconstruct.sh SHARDS OUT
#
# It takes some ten to twenty minutes. Interrupted, it goes on with the networks that are
# missing.
set -euo pipefail

[[ $# -eq 2 ]] || { echo "usage: $0 SHARDS OUT" >&2; exit 2; }
shards="$1" out="$2"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release -q -p unmask-trainer
trainer=target/release/unmask-trainer

mkdir -p "$out"
"$trainer" reconstruct --data "$shards" --output "$out/reconstruct.tar"
"$trainer" preview --data "$shards" --bank "$out/reconstruct.tar" --output "$out/pairs.png"
