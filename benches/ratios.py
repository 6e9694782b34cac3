#!/usr/bin/env python3
"""Prints what criterion measured: median times, and their ratios to a base in the same run.

The base is `btreemap`, and for page tables (`pages-...`) it is `bound`; verbs on whole areas are told a page.

    cargo bench --bench lookup --bench edit --bench page_table
    benches/ratios.py [DIRECTORY] [GROUP...]

DIRECTORY is where criterion's files are: `target/criterion`, below $CARGO_TARGET_DIR where that is set. GROUPs are the
ones to print; without any, all are.
"""

import sys

from results import directory, medians

# The base of a family of groups, and who stands beside it.
MAPS = ("btreemap", ["memory_set", "rangemap", "nodit", "sorted-vec", "plain_scan"])
PAGES = ("bound", ["page_table_multiarch", "page-table-generic", "x86_64", "aarch64-paging"])
# How many leaves a MiB has, where one call is for many.
LEAVES = {
    "pages-map": 256,
    "pages-map-again": 256,
    "pages-protect": 256,
    "pages-unmap": 256,
    "pages-unmap-owned": 256,
    "pages-map-huge": 0.5,
}
WIDTH = 22


def short(number: float) -> str:
    """Three digits at least, and no exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:#.3g}"


def cell(time: float | None, base: float | None) -> str:
    """`time`, and how many times `base` that is."""
    if time is None:
        return "-"
    return f"{short(time)} ({short(time / base)})" if base else short(time)


def show(group: str, sizes: dict[int, dict[str, float]]) -> None:
    base, peers = PAGES if group.startswith("pages-") else MAPS
    others = {function for times in sizes.values() for function in times}
    ours = ["kernel-vm", "kernel-vm-svadu", "kernel-vm-x86_64", "kernel-vm-aarch64"]
    functions = [function for function in [*ours, base, *peers] if function in others]
    functions += sorted(others.difference(functions))
    unit = "ns a leaf" if group in LEAVES else "ns"
    print(f"{group}, {unit} (times {base})")
    print("".join(f"{title:>{WIDTH}}" for title in ["", *functions]))
    for size, times in sorted(sizes.items()):
        count = LEAVES.get(group, 1 / size) * size
        each = {function: time / count for function, time in times.items()}
        cells = [cell(each.get(function), each.get(base)) for function in functions]
        print("".join(f"{text:>{WIDTH}}" for text in [f"{size:,}", *cells]))
    print()


def main() -> None:
    arguments = sys.argv[1:]
    found = medians(directory(arguments))
    for group, sizes in sorted(found.items()):
        if arguments and group not in arguments:
            continue
        show(group, sizes)


if __name__ == "__main__":
    main()
