#!/usr/bin/env bash
# Trains the judge and tells how it does on people, sources and kinds that it never met.
#
#   trainer/experiments/judge.sh DATA OUT
#
# DATA is laid out as `people.py` reads it: `train`, `video` and `photos`, the last for measuring
# alone, and `teachers`. OUT takes tables, shards, runs, bundles and reports. It takes some
# hours on two cores. Interrupted, it goes on where it stopped.
#
# Runs: `lite`, the judge; `blends`, trained on pseudo-fakes alone; `scratch`, without ImageNet
# weights; `paired`, with fewer real fakes, `originals`, with those alone that have an original,
# `release`, the same for longer, `paired` without a kind; `distilled`, `dense`, `stacked` and
# `originals-without-swap`, what was tried to get further; and for every kind of fake one that was
# trained without it and without the people in it. The variable FINDER names a YuNet file to use in place of the face finder that is built in.
set -euo pipefail

[[ $# -eq 2 ]] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data="$(cd "$1" && pwd)"
mkdir -p "$2"
out="$(cd "$2" && pwd)"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release -q --workspace
trainer=target/release/unmask-trainer
finder=()
[[ -n "${FINDER:-}" ]] && finder=(--finder "$FINDER")
kinds=(swap lip-sync reenactment "talking head" "whole face")

prepared() {
    [[ -f "$out/shards/skipped.tsv" ]] && return
    python3 trainer/experiments/people.py "$data" "$out/tables"
    "$trainer" prepare --input "$data/train" --input "$data/video" "${finder[@]}" \
        --people "$out/tables/people.tsv" --pairs "$out/tables/pairs.tsv" \
        --frames 4 --windows 6 --synthetic 400 --output "$out/shards"
}

trained() { # RUN [OPTIONS...]
    local run="$out/$1"
    shift
    [[ -f "$run/done" ]] && return
    if [[ -f "$run/config.toml" ]]; then
        "$trainer" train --resume --run "$run" --data "$out/shards"
    else
        "$trainer" train --run "$run" --data "$out/shards" --config trainer/configs/lite.toml "$@"
    fi
    touch "$run/done"
}

photos() {
    printf 'path\tlabel\tsource\n'
    local file folder label
    find "$data/photos" -mindepth 2 -type f -name '*.jpg' | sort | while read -r file; do
        folder="$(basename "$(dirname "$file")")"
        label=real
        [[ "$folder" == noface ]] && label=noface
        printf '%s\t%s\t%s\n' "$file" "$label" "$folder"
    done
}

judged() { # RUN [FILES OF ONE SOURCE]
    local bundle="$out/bundle-$1"
    [[ -d "$bundle" ]] ||
        "$trainer" export "$out/$1" --data "$out/shards" --output "$bundle"
    "$trainer" videos "$out/$1" --data "$out/shards" --input "$data/train" --input "$data/video" \
        --each "${2:-40}" --output "$out/videos-$1.tsv"
    "$trainer" unseen "$bundle" --videos "$out/videos-$1.tsv" --videos "$out/photos.tsv" \
        "${finder[@]}" --output "$out/unseen-$1"
}

# Clips of people that a run was trained on, of the sources that it draws from.
remembered() { # RUN BUNDLE
    local table="$out/remembered-$1.tsv"
    "$trainer" videos "$out/$1" --data "$out/shards" --input "$data/video" --each 6 --output "$table.all"
    awk -F'\t' -v left="${left_out[*]}" 'BEGIN { split(left, names, " "); for (n in names) out[names[n]] }
        NR == 1 || $6 == "train" && ($2 == "real" || !($5 in out))' "$table.all" >"$table"
    "$trainer" unseen "$2" --videos "$table" "${finder[@]}" --output "$out/remembered-$1"
}

prepared
photos >"$out/photos.tsv"
init=(--init "$(trainer/experiments/lite0.sh "$out/lite0.pth")")
# More sharp photographs, fewer small ones.
mix=(--set data.xray_share=0.15 --set data.sampling.weights.unsplash=2.0
    --set data.sampling.weights.utkface=0.7 --set data.sampling.weights.utkface_soft=0.7)
trained lite "${init[@]}"
judged lite
trained blends "${init[@]}" "${mix[@]}" --set data.fake_share=0 --epochs 3
judged blends
trained scratch
judged scratch
# Fewer real fakes, and of these only kinds that have the original beside them, and whole faces.
[[ -f "$out/bank/reconstruct.tar" ]] || trainer/experiments/reconstruct.sh "$out/shards" "$out/bank"
paired=("${mix[@]}" --set data.fake_share=0.2 --set data.reconstruct_share=0.15
    --set "data.reconstruct_bank=$out/bank/reconstruct.tar" --epochs 3)
left_out=(actalker actalker_audio anitalker dreamtalk echomimic edtalk emo emoportraits float fomm keysync
    loopy moda_compare omnihuman sonic speakervid_gen styletalk teller vasa1)
for source in "${left_out[@]}"; do
    paired+=(--set "data.sampling.weights.$source=0")
done
trained paired "${init[@]}" "${paired[@]}"
judged paired
left_out+=(stylegan2 musev_img2vid)
originals=("${paired[@]}" --set data.sampling.weights.stylegan2=0 --set data.sampling.weights.musev_img2vid=0)
trained originals "${init[@]}" "${originals[@]}"
judged originals
# The same for longer: the released one.
trained release "${init[@]}" "${originals[@]}" --seed 3 --epochs 11
[[ -d "$out/afsl-lite" ]] || "$trainer" export "$out/release" --data "$out/shards" \
    --output "$out/afsl-lite" --release 4 --pairs 400 --bpcer 0.01 --miss 0.1 --epsilon 0.25/255 \
    --data-note "$(<trainer/experiments/judge-data.txt)" --terms-note "$(<trainer/experiments/judge-terms.txt)"
cp -rn "$out/afsl-lite" "$out/bundle-release"
judged release
remembered release "$out/afsl-lite"
"$trainer" evaluate "$out/release" --data "$out/shards" --output "$out/filters-release" \
    --filters --pairs 400 --distortion-pairs 400 --clips 0 --epsilon 0.25/255
# Those that are flagged, under everyday filters, through the program.
"$trainer" attack-video "$out/afsl-lite" --videos "$out/videos-release.tsv" --part val,calibration,test \
    --attack filters --output "$out/attacked-release"
# What was tried to get further.
trained distilled "${init[@]}" "${originals[@]}" --seed 5 --set distil.features=5 \
    --set "distil.teachers=[\"$out/release\", \"$out/originals\"]"
trained dense "${originals[@]}" --seed 3 --set network.architecture=stream --set network.luminance=false \
    --set network.temporal=false --set distil.features=5 --set "distil.teachers=[\"$out/release\"]"
trained stacked "${init[@]}" "${originals[@]}" --seed 1 --set network.stacked=true --set data.temporal_share=0.2
trained people-50 "${init[@]}" "${originals[@]}" --seed 1 --set data.people_share=0.5 --epochs 6
trained people-25 "${init[@]}" "${originals[@]}" --seed 1 --set data.people_share=0.25 --epochs 12
for kind in swap lip-sync reenactment; do
    trained "originals-without-$kind" "${init[@]}" "${originals[@]}" --leave-out "kind=$kind"
    judged "originals-without-$kind" 24
done
for kind in swap "talking head"; do
    run="paired-without-${kind// /-}"
    trained "$run" "${init[@]}" "${paired[@]}" --leave-out "kind=$kind"
    judged "$run"
done
for kind in "${kinds[@]}"; do
    run="without-${kind// /-}"
    trained "$run" "${init[@]}" --leave-out "kind=$kind" --epochs 4
    judged "$run"
done
