#!/usr/bin/env python3
"""Compares the code of two units that were compiled for different parts of the library.

    weak.py <first.s> <second.s>     the assembly text of the units

Prints each weak function or object that both have with different content, and exits with 1 if there
is one. The linker keeps only one of the two, so which one a program runs would depend on the order of
its objects.
"""

import hashlib
import re
import sys

LABEL = re.compile(r"\.L[A-Za-z_.]*\d*")
# clang explains constants, in a column that depends on the length of labels.
COMMENT = re.compile(r"\s+# .*")
TEXT = re.compile(r"\t\.(?:string|ascii|asciz)\t(.*)")
SYMBOL = re.compile(r"([A-Za-z_$][^:\s]*):")
NOISE = re.compile(r"\t\.(?:cfi_|loc\b|file\b|section|text|p2align|align|type|globl|weak|hidden)")
# What follows an object, whose size stands before it.
NEXT = ("\t.section", "\t.weak", "\t.text", "\t.data", "\t.globl", "\t.type", "\t.bss")


def weak_symbols(path):
    """Returns the digest of each weak symbol's content."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().split("\n")
    texts, weak, functions, label = {}, set(), set(), None
    for line in lines:
        if line.startswith(".L"):
            label = line.split(":")[0]
        elif label and (found := TEXT.match(line)):
            texts[label] = texts.get(label, "") + found[1]
        else:
            label = None
            if line.startswith("\t.weak\t"):
                weak.add(line[7:])
            elif line.startswith("\t.type\t") and line.endswith("function"):
                functions.add(line[7:].split(",")[0])

    # Local labels have other numbers in another unit: one that names a text is replaced by the text.
    def without_numbers(found):
        return texts.get(found[0], ".L")

    out, name, end, digest = {}, None, None, None
    for line in lines:
        if name is None:
            found = SYMBOL.match(line)
            if found and found[1] in weak:
                name, digest = found[1], hashlib.sha256()
                end = f"\t.size\t{name}," if name in functions else NEXT
        elif line.startswith(end):
            out[name] = digest.digest()
            name = None
        elif not NOISE.match(line):
            if not TEXT.match(line):
                line = COMMENT.sub("", line)
            line = LABEL.sub(without_numbers, line)
            digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    if name is not None:
        raise ValueError(f"{path}: {name} has no end")
    return out


def main():
    first, second = map(weak_symbols, sys.argv[1:3])
    common = first.keys() & second.keys()
    different = sorted(name for name in common if first[name] != second[name])
    for name in different:
        print(name)
    print(f"{len(common)} functions and objects in both, {len(different)} differ", file=sys.stderr)
    return 1 if different or not common else 0


if __name__ == "__main__":
    sys.exit(main())
