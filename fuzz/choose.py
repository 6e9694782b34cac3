#!/usr/bin/env python3
"""Chooses few small inputs of a fuzz target that reach most: prints their paths, the best first.

    choose.py CONTROL MOST BYTES

CONTROL is what libFuzzer's merge has written of each input: its size, and the features that it reaches.
"""

import sys
from pathlib import Path


def inputs(control: Path) -> dict[str, tuple[int, frozenset[int]]]:
    """The size and the features of each input, by its path; one that crashed has none, and is left out."""
    lines = control.read_text().splitlines()
    count = int(lines[0])
    names, records = lines[2 : 2 + count], lines[2 + count :]
    sizes: dict[int, int] = {}
    found: dict[str, tuple[int, frozenset[int]]] = {}
    for record in records:
        kind, number, *rest = record.split()
        if kind == "STARTED":
            sizes[int(number)] = int(rest[0])
        elif kind == "FT":
            found[names[int(number)]] = sizes[int(number)], frozenset(map(int, rest))
    return found


def choose(found: dict[str, tuple[int, frozenset[int]]], most: int, room: int) -> list[str]:
    """Takes by turns the input that reaches most features that none before has, the smallest of those that do."""
    chosen: list[str] = []
    reached: set[int] = set()
    while len(chosen) < most:
        fitting = {name: (features, size) for name, (size, features) in found.items() if size <= room}
        fresh = {name: (len(features - reached), -size) for name, (features, size) in fitting.items()}
        best = max(sorted(fresh), key=fresh.__getitem__, default=None)
        if best is None or fresh[best][0] == 0:
            break
        features, size = fitting[best]
        chosen.append(best)
        reached |= features
        room -= size
    everything = frozenset().union(*(features for _, features in found.values()))
    print(f"{len(chosen)} of {len(found)} inputs reach {len(reached)} of {len(everything)} edges", file=sys.stderr)
    return chosen


def main() -> None:
    control, most, room = sys.argv[1:]
    print(*choose(inputs(Path(control)), int(most), int(room)), sep="\n")


if __name__ == "__main__":
    main()
