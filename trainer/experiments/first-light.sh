#!/usr/bin/env bash
# Trains the released bundle and its undefended twin, and prints both evaluations.
#
#   trainer/experiments/first-light.sh DATA OUT
#
# DATA holds `real` and `fake` folders of faces; OUT takes shards, runs and the bundle.
# It takes about two hours on two cores. Interrupted, it goes on where it stopped.
set -euo pipefail

[[ $# -ge 2 ]] || { echo "usage: $0 DATA OUT [GROUPS.tsv]" >&2; exit 2; }
data="$1" out="$2" groups="${3:-}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release -q -p unmask-trainer
trainer=target/release/unmask-trainer
configs=trainer/configs

prepared() { # FOLDER PEOPLE FRAMES
    [[ -f "$1/skipped.tsv" ]] && return
    local options=(--input "$data" --output "$1" --synthetic "$2" --frames "$3")
    [[ -n "$groups" ]] && options+=(--groups "$groups")
    "$trainer" prepare "${options[@]}"
}

trained() { # RUN SHARDS [OPTIONS...]
    local run="$1" shards="$2"
    shift 2
    [[ -f "$run/done" ]] && return
    if [[ -f "$run/config.toml" ]]; then
        "$trainer" train --resume --run "$run" --data "$shards" "${until[@]}"
    else
        "$trainer" train --run "$run" --data "$shards" "${until[@]}" "$@"
    fi
    touch "$run/done"
}

mkdir -p "$out"
prepared "$out/shards" 1000 3
until=(--until 11)
trained "$out/part-1" "$out/shards" --config "$configs/first-light-1.toml"
until=()
trained "$out/part-2" "$out/shards" --init "$out/part-1" --config "$configs/first-light-2.toml"
for method in afsl none; do
    trained "$out/$method" "$out/shards" --init "$out/part-2" \
        --config "$configs/first-light-3.toml" --method "$method"
done
for epsilon in 1/255 1.5/255 2/255; do
    for method in none afsl; do
        "$trainer" evaluate "$out/$method" --data "$out/shards" --epsilon "$epsilon"
    done
done
"$trainer" export "$out/afsl" --data "$out/shards" --output "$out/afsl-stream-m" \
    --pairs 800 --leaning 0.05
"$trainer" check "$out/afsl-stream-m" --run "$out/afsl"
