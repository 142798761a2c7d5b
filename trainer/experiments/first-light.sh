#!/usr/bin/env bash
# Trains the released bundle and its undefended twin, and prints both evaluations.
#
#   trainer/experiments/first-light.sh OUT DATA [DATA...]
#
# Each DATA holds `real` and `fake` folders of faces or videos; OUT takes shards, runs and the
# bundle. The variable GROUPS_TSV names a table of clips that share a person. It takes about two
# hours on two idle cores. Interrupted, it goes on where it stopped.
set -euo pipefail

[[ $# -ge 2 ]] || { echo "usage: $0 OUT DATA [DATA...]" >&2; exit 2; }
out="$1"
shift
data=("$@")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release -q -p unmask-trainer
trainer=target/release/unmask-trainer
configs=trainer/configs

prepared() { # FOLDER PEOPLE FRAMES
    [[ -f "$1/skipped.tsv" ]] && return
    local options=(--output "$1" --synthetic "$2" --frames "$3") folder
    for folder in "${data[@]}"; do options+=(--input "$folder"); done
    [[ -n "${GROUPS_TSV:-}" ]] && options+=(--groups "$GROUPS_TSV")
    "$trainer" prepare "${options[@]}"
}

trained() { # RUN SHARDS [OPTIONS...]
    local run="$1" shards="$2"
    shift 2
    [[ -f "$run/done" ]] && return
    if [[ -f "$run/config.toml" ]]; then
        "$trainer" train --resume --run "$run" --data "$shards"
    else
        "$trainer" train --run "$run" --data "$shards" "$@"
    fi
    touch "$run/done"
}

mkdir -p "$out"
prepared "$out/shards" 1500 3
trained "$out/part-1" "$out/shards" --config "$configs/first-light-1.toml"
trained "$out/part-2" "$out/shards" --init "$out/part-1" --config "$configs/first-light-2.toml"
for method in afsl none; do
    trained "$out/$method-3" "$out/shards" --init "$out/part-2" \
        --config "$configs/first-light-3.toml" --method "$method"
    trained "$out/$method-4" "$out/shards" --init "$out/$method-3" \
        --config "$configs/first-light-4.toml" --method "$method"
    trained "$out/$method" "$out/shards" --init "$out/$method-4" \
        --config "$configs/first-light-4.toml" --method "$method" --seed 5 --epochs 8
done
"$trainer" evaluate "$out/afsl" --data "$out/shards" --epsilon 0.5/255,1/255,1.5/255,2/255 \
    --compare "$out/none"
"$trainer" export "$out/afsl" --data "$out/shards" --output "$out/afsl-stream-m" \
    --pairs 1500 --epsilon 1/255 --leaning 0.09
"$trainer" check "$out/afsl-stream-m" --run "$out/afsl"
"$trainer" attack "$out/afsl" --data "$out/shards" --bundle "$out/afsl-stream-m" \
    --epsilon 1/255 --pairs 100 --queries 1000
