#!/usr/bin/env python3
"""Draws what criterion measured into `docs/pictures/plot.svg`, and lets `docs/pictures.py` write what comes of it: time
against the number of maps, and the time that a page takes in page tables.

    cargo bench --bench lookup --bench edit -- 'lookup-uniform|gap-worst'
    cargo bench --bench page_table -- 'pages-(map|protect|unmap|query)/'
    benches/plot.py [DIRECTORY]

DIRECTORY is as `ratios.py` has it.
"""

import math
import sys
from pathlib import Path

from ratios import LEAVES
from results import Times, directory, functions, medians

DOCS = Path(__file__).resolve().parent.parent / "docs"
sys.path.append(str(DOCS))

import pictures

CURVES = [("lookup-uniform", "look up a random address"), ("gap-worst", "find a gap: only the last fits")]
VERBS = [("pages-map", "map"), ("pages-protect", "protect"), ("pages-unmap", "unmap"), ("pages-query", "translate")]
# How many MiB the page tables have mapped.
MIB = 1024

# Names, colours and marks.
MAPS = {
    "kernel-vm": ("kernel-vm", "#e8590c", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"),
    "btreemap": ("BTreeMap", "#2f7fd6", "M-3-3h6v6h-6z"),
    "memory_set": ("memory_set", "#9c6ade", "M0-4L4 3H-4z"),
    "rangemap": ("rangemap", "#12998a", "M0 4L4-3H-4z"),
    "nodit": ("nodit", "#5f9a1c", "M0-4L4 0L0 4L-4 0z"),
    "sorted-vec": ("sorted Vec", "#b7860b", "M-4-1h3v-3h2v3h3v2h-3v3h-2v-3h-3z"),
    "plain_scan": ("plain scan", "#d6409f", "M-4-3l1-1 3 3 3-3 1 1-3 3 3 3-1 1-3-3-3 3-1-1 3-3z"),
}
PAGE_TABLES = {
    "kernel-vm": "kernel-vm, Sv39",
    "bound": "by hand, one duty",
    "page_table_multiarch": "page_table_multiarch",
    "page-table-generic": "page-table-generic",
    "x86_64": "x86_64",
    "aarch64-paging": "aarch64-paging",
}
OURS, THEIRS = "#e8590c", "#8791a0"

WIDTH = 720
TOP, BOTTOM = 74, 296
# The left and right border of each plot of curves; their names stand to the right of that.
SIDES = [(72, 238), (432, 594)]
# A line of text.
LINE = 18
# The table of page tables: its first row, and where each verb's column begins.
ROW, COLUMNS, COLUMN, STEP = 424, 196, 130, 24


def label(size: int) -> str:
    """8, 64, 1k … 1M: powers of two, but who counts."""
    for unit, name in ((1 << 20, "M"), (1 << 10, "k")):
        if size >= unit:
            return f"{size // unit}{name}"
    return str(size)


def duration(power: int) -> str:
    """10 to this power, in nanoseconds, as people write it."""
    unit = min(power // 3, 2)
    return f"{10 ** (power - 3 * unit)} {('ns', 'µs', 'ms')[unit]}"


def text(x: float, y: float, content: str, anchor: str = "start", look: str = "") -> str:
    look = f' class="{look}"' if look else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{look}>{content}</text>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path class="r" d="M{x1:g} {y1:g}L{x2:g} {y2:g}"/>'


Points = list[tuple[float, float]]


def curve(function: str, points: Points) -> str:
    """A line through `points`, each marked."""
    _, colour, mark = MAPS[function]
    width = 3 if function == "kernel-vm" else 1.5
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    marks = "".join(f'<path transform="translate({x:.1f} {y:.1f})" d="{mark}"/>' for x, y in points)
    return f'<g fill="{colour}"><path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>{marks}</g>'


def apart(places: list[float]) -> list[float]:
    """The nearest places below each other where lines of text can stand, in order."""
    free: list[float] = []
    for place in places:
        free.append(max(place, free[-1] + LINE) if free else place)
    over = max(0.0, free[-1] - BOTTOM)
    for at in reversed(range(len(free))):
        free[at] = min(free[at], BOTTOM - LINE * (len(free) - 1 - at)) if over else free[at]
    return free


def names(ends: dict[str, tuple[float, float]]) -> list[str]:
    """The name of each curve, beside its end."""
    parts = []
    order = sorted(ends, key=lambda function: ends[function][1])
    right = max(x for x, _ in ends.values())
    # A curve that ends early has room before its end.
    early = [function for function in order if ends[function][0] < right]
    for function in early:
        x, y = ends[function]
        parts += [text(x - 10, y + 2, MAPS[function][0], "end")]
    order = [function for function in order if function not in early]
    for function, at in zip(order, apart([ends[function][1] for function in order])):
        name, colour, _ = MAPS[function]
        x, y = ends[function]
        parts += [f'<path d="M{x + 5:.1f} {y:.1f}L{x + 16:.1f} {at:.1f}" stroke="{colour}"/>']
        parts += [text(x + 19, at + 5, name, look="h" if function == "kernel-vm" else "")]
    return parts


def curves(title: str, times: Times, left: float, right: float) -> list[str]:
    """Axes, and a curve for each function."""
    sizes = sorted(times)
    all_times = [time for row in times.values() for time in row.values()]
    powers = range(math.floor(math.log10(min(all_times))), math.ceil(math.log10(max(all_times))) + 1)

    def x(size: int) -> float:
        return left + (right - left) * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y(time: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log10(time) - powers[0]) / (powers[-1] - powers[0])

    parts = [text(left - 54, TOP - 18, title, look="h")]
    for power in powers:
        parts += [line(left, y(10**power), right, y(10**power))]
        parts += [text(left - 8, y(10**power) + 5, duration(power), "end", "n")]
    for size in sizes:
        parts += [line(x(size), TOP, x(size), BOTTOM)]
    for size in sizes[::2]:
        parts += [text(x(size), BOTTOM + 20, label(size), "middle", "n")]
    parts += [text((left + right) / 2, BOTTOM + 40, "maps", "middle", "n")]
    ends = {}
    # Ours is drawn last, above the others.
    for function in reversed(functions(times)):
        points = [(x(size), y(times[size][function])) for size in sizes if function in times[size]]
        parts.append(curve(function, points))
        ends[function] = points[-1]
    return parts + names(ends)


def dots(found: dict[str, Times]) -> tuple[list[str], int]:
    """A row for each page table that was measured, a column for each verb, and in it a dot at the time that a page
    takes. Answers where the last row is, too."""
    times = {}
    for group, verb in VERBS:
        pages = LEAVES.get(group, 1 / MIB) * MIB
        times[verb] = {function: time / pages for function, time in found[group][MIB].items()}
    parts = [text(18, ROW - 48, "page tables, 1 GiB: nanoseconds a page", look="h")]
    known = [function for function in PAGE_TABLES if any(function in row for row in times.values())]
    for at, function in enumerate(known):
        parts += [text(18, ROW + STEP * at + 5, PAGE_TABLES[function], look="" if at else "h")]
    for column, (verb, row) in enumerate(times.items()):
        left = COLUMNS + COLUMN * column
        low, high = math.log10(min(row.values())), math.log10(max(row.values()))
        parts += [text(left, ROW - 22, verb, look="n")]
        for at, function in enumerate(known):
            y = ROW + STEP * at
            if function not in row:
                parts += [text(left, y + 5, "none", look="n")]
                continue
            x = left + 60 * (math.log10(row[function]) - low) / max(high - low, 1)
            colour = OURS if function == "kernel-vm" else THEIRS
            parts += [f'<path d="M{left} {y}H{x:.1f}" stroke="{colour}" stroke-width="2"/>']
            parts += [f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>']
            parts += [text(x + 10, y + 5, f"{row[function]:.2g}", look="" if at else "h")]
    return parts, ROW + STEP * (len(known) - 1)


def main() -> None:
    found = medians(directory(sys.argv[1:]))
    missing = [group for group, _ in CURVES + VERBS if group not in found]
    if missing:
        sys.exit(f"no results for {', '.join(missing)}")
    table, last = dots(found)
    height = last + 52
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui,sans-serif" font-size="15">',
        "<title>How long verbs take; lower is better</title>",
        "<desc>Two plots of time against the number of maps, and the time that a page takes in page tables.</desc>",
        "<style></style>",
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        text(18, 30, "Lower is better; each grid line up is ten times the time."),
    ]
    for (group, title), (left, right) in zip(CURVES, SIDES):
        parts += curves(title, found[group], left, right)
    parts += [*table, text(18, height - 16, "The further left a dot, the better; logarithmic.", look="n")]
    (DOCS / "pictures" / "plot.svg").write_text("\n".join([*parts, "</svg>"]) + "\n")
    pictures.main()


if __name__ == "__main__":
    main()
