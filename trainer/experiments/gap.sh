#!/usr/bin/env bash
# AFSL against no defence: same data, seed, epochs and first weights; PGD-10 AUC at three radii.
#
#   trainer/experiments/gap.sh OUT      after trainer/experiments/first-light.sh DATA OUT
#
# It takes about fifteen minutes on two cores.
set -euo pipefail

[[ $# -eq 1 ]] || { echo "usage: $0 OUT" >&2; exit 2; }
out="$1"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release -q -p unmask-trainer
trainer=target/release/unmask-trainer
for method in none afsl; do
    run="$out/gap-$method"
    if [[ -f "$run/config.toml" ]]; then
        "$trainer" train --resume --run "$run" --data "$out/shards"
    else
        "$trainer" train --run "$run" --data "$out/shards" --init "$out/part-1" \
            --config trainer/configs/gap.toml --method "$method"
    fi
done
for epsilon in 1/255 2/255 3/255; do
    for method in none afsl; do
        "$trainer" evaluate "$out/gap-$method" --data "$out/shards" --epsilon "$epsilon"
    done
done
