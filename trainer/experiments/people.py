#!/usr/bin/env python3
"""Writes the tables for `prepare --pairs --people` of a folder of many sources.

    trainer/experiments/people.py DATA OUT

DATA holds `SOURCES.tsv` (prefix, label, method: one line a source), `pairs.tsv` (fake, real,
note) and the files below `.../real/SOURCE/` and `.../fake/SOURCE/`. OUT takes `pairs.tsv` and
`people.tsv`. Who is seen in a file follows from its name by the rules below; a file that no
rule fits is a person of its own.
"""
import csv
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
        return "-" if "," in told[1] else told[1].split("(")[0].strip()
    inner = re.search(r"\(([^,;)+]+)", source_method)
    return (inner.group(1) if inner else source_method).strip()


def main(data, out):
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "people.tsv"), "w", encoding="utf-8") as table:
        print("path", "person", "kind", "method", sep="\t", file=table)
        for source in rows(os.path.join(data, "SOURCES.tsv")):
            folder = source["prefix"]
            if source["label"] not in ("real", "fake") or "/" + source["label"] not in folder:
                continue
            kind = next((k for text, k in KIND if text in source["method"]), "-")
            for file in sorted(os.listdir(os.path.join(data, folder))):
                name = stem(file)
                who = person(os.path.basename(folder), name) or "-"
                how = method(source["method"], name) if source["label"] == "fake" else "-"
                if (who, how) != ("-", "-"):
                    kind_of = kind if source["label"] == "fake" else "-"
                    print(f"{folder}/{file}", who, kind_of, how, sep="\t", file=table)
    with open(os.path.join(out, "pairs.tsv"), "w", encoding="utf-8") as table:
        print("fake", "real", "group", "aligned", sep="\t", file=table)
        for pair in rows(os.path.join(data, "pairs.tsv")):
            note = pair["note"]
            group = re.search(r"source-clip group ([^;]+)", note)
            aligned = "aligned" in note and "not pixel-aligned" not in note
            print(
                pair["fake"],
                pair["real"],
                f"clip-{group.group(1)}" if group else "-",
                "yes" if aligned else "no",
                sep="\t",
                file=table,
            )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
