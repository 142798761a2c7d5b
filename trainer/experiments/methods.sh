#!/usr/bin/env bash
# Trains every method from the same clean weights with the same data, seed and epochs, and
# prints clean and PGD-10 AUC of each as a table in Markdown.
#
#   trainer/experiments/methods.sh DATA OUT [GROUPS.tsv] [SEED]
#
# DATA holds `real` and `fake` folders of faces; OUT takes shards and runs. Interrupted, it goes
# on where it stopped. It takes about half an hour on two cores.
set -euo pipefail

[[ $# -ge 2 ]] || { echo "usage: $0 DATA OUT [GROUPS.tsv] [SEED]" >&2; exit 2; }
data="$1" out="$2" groups="${3:-}" seed="${4:-1}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release -q -p unmask-trainer
trainer=target/release/unmask-trainer

mkdir -p "$out"
if [[ ! -f "$out/shards/skipped.tsv" ]]; then
    options=(--input "$data" --output "$out/shards" --frames 1)
    [[ -n "$groups" ]] && options+=(--groups "$groups")
    "$trainer" prepare "${options[@]}"
fi

trained() { # NAME [OPTIONS...]
    local run="$out/seed-$seed/$1"
    shift
    [[ -f "$run/done" ]] && return
    if [[ -f "$run/config.toml" ]]; then
        "$trainer" train --resume --run "$run" --data "$out/shards"
    else
        "$trainer" train --run "$run" --data "$out/shards" --seed "$seed" \
            --config trainer/configs/methods.toml "$@"
    fi
    touch "$run/done"
}

defended() { # NAME METHOD [OPTIONS...]
    local name="$1" method="$2"
    shift 2
    trained "$name" --init "$out/seed-$seed/clean" --method "$method" --epochs 5 \
        --set train.learning_rate=0.002 --set train.curriculum_share=0 \
        --set train.validate_every=2.5 "$@"
}

trained clean
defended none none
defended at at
defended at-half-epsilon at --epsilon 2/255
defended trades-6 trades
defended trades-1 trades --set trades.beta=1
defended mart mart
defended afsl afsl
defended control afsl --set afsl.asl=false --set afsl.srl=false
defended teacher afsl --set afsl.anchor=teacher --set afsl.b1=10
defended teacher-for-both afsl --set afsl.anchor=teacher_for_both --set afsl.b1=30

auc() { # RUN EPSILON WHAT
    "$trainer" evaluate "$1" --data "$out/shards" --epsilon "$2" |
        sed -n "s/^ *\(PGD-10 at [^,]*, \)\?$3  *\([0-9.]*\)$/\2/p"
}

echo "| method | clean | fakes @2 | both @2 | fakes @4 | both @4 |"
echo "|---|---|---|---|---|---|"
for name in none at at-half-epsilon trades-6 trades-1 mart afsl control teacher teacher-for-both; do
    run="$out/seed-$seed/$name"
    row="| $name | $(auc "$run" 2/255 clean)"
    for epsilon in 2/255 4/255; do
        row+=" | $(auc "$run" "$epsilon" "fakes attacked") | $(auc "$run" "$epsilon" "both attacked")"
    done
    echo "$row |"
done
