#!/usr/bin/env python3
"""Prints what criterion measured: median times, and their ratios to `btreemap` in the same run.

    cargo bench --bench lookup --bench edit
    benches/ratios.py [DIRECTORY] [GROUP...]

DIRECTORY is where criterion's files are: `target/criterion`, below $CARGO_TARGET_DIR where that is set. GROUPs are the
ones to print; without any, all are.
"""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

BASE = "btreemap"
FUNCTIONS = ["kernel-vm", BASE, "memory_set", "rangemap", "nodit", "sorted-vec", "seed-scan"]
WIDTH = 20


def medians(directory: Path) -> dict[str, dict[int, dict[str, float]]]:
    """Nanoseconds by group, size and function."""
    found = defaultdict(lambda: defaultdict(dict))
    for file in directory.glob("**/new/estimates.json"):
        benchmark = json.loads((file.parent / "benchmark.json").read_text())
        median = json.loads(file.read_text())["median"]["point_estimate"]
        size = benchmark["value_str"]
        if size is not None and size.isdigit():
            found[benchmark["group_id"]][int(size)][benchmark["function_id"]] = median
    return found


def short(number: float) -> str:
    """Three digits at least, and no exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:#.3g}"


def cell(time: float | None, base: float | None) -> str:
    """`time`, and how many times `base` that is."""
    if time is None:
        return "-"
    return f"{short(time)} ({short(time / base)})" if base else short(time)


def main() -> None:
    arguments = sys.argv[1:]
    directory = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "criterion"
    if arguments and Path(arguments[0]).is_dir():
        directory = Path(arguments.pop(0))
    found = medians(directory)
    if not found:
        sys.exit(f"no results in {directory}")
    for group, sizes in sorted(found.items()):
        if arguments and group not in arguments:
            continue
        others = {function for times in sizes.values() for function in times}
        functions = [function for function in FUNCTIONS if function in others]
        functions += sorted(others.difference(functions))
        print(f"{group}, ns (times {BASE})")
        print("".join(f"{title:>{WIDTH}}" for title in ["", *functions]))
        for size, times in sorted(sizes.items()):
            cells = [cell(times.get(function), times.get(BASE)) for function in functions]
            print("".join(f"{text:>{WIDTH}}" for text in [f"{size:,}", *cells]))
        print()


if __name__ == "__main__":
    main()
