#!/usr/bin/env python3
"""Writes the tables for `prepare --pairs --people` of a folder of many sources.

    trainer/experiments/people.py DATA OUT

DATA holds `SOURCES.tsv` (prefix, label, method: one line a source), `pairs.tsv` (fake, real,
note) and the files below `.../real/SOURCE/` and `.../fake/SOURCE/`. OUT takes `pairs.tsv` and
`people.tsv`. Who is seen in a file follows from its name by the rules below; a file that no
rule fits is a person of its own. People on video are placed in parts so that every kind of fake
has some of its people in each; photographs are left to their names.
"""
import csv
import hashlib
import os
import re
import sys

# The part of a file's name that is the same for all files of one person, by source; several
# sources may show the same people.
PERSON = {
    "dfl": ("dfl", r"(.+)_\d+$"),
    "dfl_frames": ("dfl", r"(.+)_\d+_\d{4}$"),
    "frl_london": ("frl", r"(\d+)_\d+$"),
    "lipreading_quiz": ("lipreading", r".*\.([a-z]+\d+)$"),
    "grid": ("grid", r"(ansh|s1)_"),
    "teller_ravdess": ("ravdess", r".*-(\d\d)__"),
    "actalker_audio": ("actalker", r"(.+?)__"),
    "actalker_face": ("actalker", r"(.+?)__"),
    "emoportraits": ("emoportraits", r"(.+?)__"),
    "moda_compare": ("moda", r".*?_(compare\d+|\d+)[-_]"),
    "celebvtext": ("celebv", r"(.+?)_\d+_\d+$"),
    "celebvhq": ("celebv", r"(.+?)_\d+$"),
    "lrs3": ("lrs3", r"(.+)_\d+$"),
    "avspeech": ("avspeech", r"(.+?)_\d+$"),
    "talkstyle": ("talkstyle", r"(.+?)_clip_?\d+"),
    "dialogue": ("dialogue", r".*(case\d+)"),
    "speakervid_gen": ("dialogue", r".*(case\d+)"),
    "anitalker": ("anitalker", r".*(aiface\d+)"),
    "edtalk": ("edtalk", r"()"),
    "webcam": ("webcam", r".*(cap)\d+"),
}
SAME = {("grid", "ansh"): "s1"}
KIND = [
    ("lip-sync", "lip-sync"),
    ("reenactment", "reenactment"),
    ("talking head", "talking head"),
    ("audio-driven", "talking head"),
    ("image-to-video", "image to video"),
    ("face swap", "swap"),
    ("whole-face", "whole face"),
]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def person(source, name):
    """The person of a rule, or none."""
    family, rule = PERSON.get(source, (source, None))
    found = rule and re.match(rule, name)
    if not found:
        return None
    key = SAME.get((family, found.group(1)), found.group(1))
    return f"{family}-{key}".rstrip("-")


def method(source_method, name):
    """What the file's name says after two underscores, or the source's method."""
    if "__" in name:
        return name.split("__")[1]
    told = source_method.split(":")
    if len(told) > 1:
        name = told[1].split("(")[0].strip()
        return "-" if "," in name else name
    inner = re.search(r"\(([^,;)+]+)", source_method)
    return (inner.group(1) if inner else source_method).strip()


# Turns of the people of one kind, in an order that follows from their names.
TURNS = "train train test train calibration train train test train calibration train val".split()


class Groups:
    """Names joined two by two (union-find); the least stands for its set."""

    def __init__(self):
        self.parent = {}

    def first(self, name):
        self.parent.setdefault(name, name)
        while self.parent[name] != name:
            name = self.parent[name]
        return name

    def join(self, one, other):
        low, high = sorted((self.first(one), self.first(other)))
        self.parent[high] = low


def clip(path):
    """As `prepare` tells the frames of a clip: by four digits at the end of their names."""
    return "clip " + re.sub(r"_\d{4}$", "", stem(path))


def listed(data):
    """Path, person, kind and method of every file."""
    for source in rows(os.path.join(data, "SOURCES.tsv")):
        folder, label = source["prefix"], source["label"]
        if label not in ("real", "fake") or f"/{label}/" not in f"/{folder}/":
            continue
        kind = next((k for text, k in KIND if text in source["method"]), "-")
        for file in sorted(os.listdir(os.path.join(data, folder))):
            who = person(os.path.basename(folder), stem(file)) or "-"
            how = method(source["method"], stem(file))
            fake = label == "fake"
            yield f"{folder}/{file}", who, kind if fake else "-", how if fake else "-"


def paired(data):
    """Fake, real, group and whether they agree frame for frame."""
    for pair in rows(os.path.join(data, "pairs.tsv")):
        note = pair["note"]
        group = re.search(r"source-clip group ([^;]+)", note)
        aligned = "aligned" in note and "not pixel-aligned" not in note
        group = f"clip-{group.group(1)}" if group else "-"
        yield pair["fake"], pair["real"], group, "yes" if aligned else "no"


def parts(files, pairs):
    """The part of everybody on video: kind by kind, the rarest first, then real clips."""
    groups = Groups()
    for path, who, _, _ in files:
        groups.join(clip(path), who if who != "-" else clip(path))
    for fake, real, group, _ in pairs:
        groups.join(clip(fake), clip(real))
        groups.join(clip(real), group if group != "-" else clip(real))
    kinds = {}
    for path, _, kind, _ in files:
        if not path.endswith((".jpg", ".jpeg", ".png")):
            kinds.setdefault(kind, set()).add(groups.first(clip(path)))
    placed = {}
    for kind in sorted(kinds, key=lambda kind: (kind == "-", len(kinds[kind]), kind)):
        new = kinds[kind] - placed.keys()
        order = sorted(new, key=lambda name: hashlib.sha256(name.encode()).digest())
        placed.update((name, TURNS[at % len(TURNS)]) for at, name in enumerate(order))
    return lambda path: placed.get(groups.first(clip(path)), "-")


def write(path, header, lines):
    with open(path, "w", encoding="utf-8") as table:
        for line in [header, *lines]:
            print(*line, sep="\t", file=table)


def main(data, out):
    os.makedirs(out, exist_ok=True)
    files, pairs = list(listed(data)), list(paired(data))
    part = parts(files, pairs)
    people = [(*file, part(file[0])) for file in files]
    said = [line for line in people if any(cell != "-" for cell in line[1:])]
    write(os.path.join(out, "people.tsv"), ("path", "person", "kind", "method", "part"), said)
    write(os.path.join(out, "pairs.tsv"), ("fake", "real", "group", "aligned"), pairs)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
