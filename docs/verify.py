#!/usr/bin/env python3
"""Recomputes the Merkle roots of an approval: verify.py SNAPSHOT DECISIONS STATEMENT (RFC 9162, SHA-256, nothing else)."""
import hashlib, sys

def root(leaves):
    if len(leaves) <= 1:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1  # the largest power of two below the number of leaves
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()

snapshot, decisions, statement = (open(name, "rb").read() for name in sys.argv[1:4])
lines, words = snapshot.split(b"\n")[:-1], decisions.split(b"\n")[:-1]
assert len(lines) == len(words), "one decision belongs to each line of the snapshot"
pairs = list(zip(lines, words))
trees = {
    "snapshot": lines,
    "approve": [line for line, word in pairs if word.startswith(b"approve ")],
    "return": [line + b"\n" + word for line, word in pairs if word.startswith(b"return ")],
    "evidence": [word for word in words if word.startswith(b"approve ")],
}
said = dict(line.split(": ", 1) for line in statement.decode().splitlines()[1:])
wrong = [name for name, leaves in trees.items() if said[name] != f"{len(leaves)} {root(leaves).hex()}"]
wrong += ["hold"] if said["hold"] != str(words.count(b"hold")) else []
sys.exit("another " + ", ".join(wrong) if wrong else print("the roots are the statement's"))
