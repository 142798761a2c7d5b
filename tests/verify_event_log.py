#!/usr/bin/env python3
"""Checks an event log of unmask-edge without any of its code.

usage: verify_event_log.py FOLDER [PUBLIC_KEY [CHECKPOINT_FILE]]

Needs the package `cryptography` (exit code 77 without it). Prints what it found and exits
with 0 for a log that is intact, 1 for one that is not. docs/event-log.md tells the format.
"""
import base64, hashlib, pathlib, sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print("skipped: pip install cryptography")
    sys.exit(77)


def fail(entry, why):
    print(f"NOT INTACT: entry {entry}: {why}")
    sys.exit(1)


folder = pathlib.Path(sys.argv[1])
vkey = sys.argv[2] if len(sys.argv) > 2 else (folder / "log.pub").read_text().strip()
name, key_id, key = vkey.split("+", 2)
key = base64.b64decode(key)
assert hashlib.sha256(f"{name}\n".encode() + key).hexdigest()[:8] == key_id and key[0] == 1
public = Ed25519PublicKey.from_public_bytes(key[1:])


def root(peaks):
    if not peaks:
        return hashlib.sha256(b"").digest()
    whole = peaks[-1]
    for peak in reversed(peaks[:-1]):
        whole = hashlib.sha256(b"\x01" + peak + whole).digest()
    return whole


def signed(size, peaks, signature):
    text = f"{name}\n{size}\n{base64.b64encode(root(peaks)).decode()}\n"
    try:
        public.verify(signature, text.encode())
    except InvalidSignature:
        return False
    roots[size] = root(peaks)
    return True


size, peaks, roots = 0, [], {0: root([])}
for path in sorted(folder.glob("entries-" + 20 * "[0-9]")):
    data = path.read_bytes()
    head = b"unmask-log/1\n" + size.to_bytes(8, "big") + b"".join(peaks)
    at = len(head) + 64
    if int(path.name[8:]) != size or data[: len(head)] != head or not signed(size, peaks, data[len(head) : at]):
        fail(size, f"{path.name} does not begin where the file before it ends")
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        right, level = hashlib.sha256(b"\x00" + data[at + 2 : end]).digest(), size
        before = list(peaks)
        while level & 1:
            right, level = hashlib.sha256(b"\x01" + peaks.pop() + right).digest(), level >> 1
        peaks.append(right)
        if end + 64 > len(data) or not signed(size + 1, peaks, data[end : end + 64]):
            fail(size, "changed, removed or incomplete")
        size, at = size + 1, end + 64

for path in [folder / "checkpoint"] + [pathlib.Path(arg) for arg in sys.argv[3:4]]:
    if not path.exists():
        fail(size, f"{path} is missing")
    text, _, signatures = path.read_text().rpartition("\n\n")
    origin, covered, head = text.split("\n")[:3]
    lines = [line.split(" ") for line in signatures.splitlines()]
    good = [base64.b64decode(line[2]) for line in lines if line[:2] == ["\u2014", name]]
    good = [line[4:] for line in good if line[:4].hex() == key_id]
    try:
        public.verify(good[0], (text + "\n").encode())
    except (IndexError, InvalidSignature):
        fail(size, f"{path} is not a checkpoint of this log")
    if int(covered) > size:
        fail(size, f"missing, and so are all up to entry {int(covered) - 1}")
    if origin != name or base64.b64decode(head) != roots.get(int(covered)):
        fail(int(covered), f"up to here the log is not the one of {path}")
print(f"intact: {size} entries of {name}, root {root(peaks).hex()}")
