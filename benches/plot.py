#!/usr/bin/env python3
"""Draws what criterion measured, time against size, into `docs/plot.svg`, and into `docs/plot.md` as what the
reference `plot` in the README leads to in the crate's documentation, where no file is beside the page.

    cargo bench --bench lookup --bench edit -- 'lookup-uniform|gap-worst'
    benches/plot.py [DIRECTORY]

DIRECTORY is as `ratios.py` has it.
"""

import math
import sys
from base64 import b64encode
from pathlib import Path

from results import Times, directory, functions, medians

PANELS = [("lookup-uniform", "look up a random address"), ("gap-worst", "find a gap: only the last fits")]

# Names, colours and marks. The colours are as far from white as from a dark page, so that either may be behind them.
LOOKS = {
    "kernel-vm": ("kernel-vm", "#e8590c", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"),
    "btreemap": ("BTreeMap", "#2f7fd6", "M-3-3h6v6h-6z"),
    "memory_set": ("memory_set", "#9c6ade", "M0-4L4 3H-4z"),
    "rangemap": ("rangemap", "#12998a", "M0 4L4-3H-4z"),
    "nodit": ("nodit", "#5f9a1c", "M0-4L4 0L0 4L-4 0z"),
    "sorted-vec": ("sorted vector", "#b7860b", "M-4-1h3v-3h2v3h3v2h-3v3h-2v-3h-3z"),
    "plain_scan": ("plain scan", "#d6409f", "M-4-3l1-1 3 3 3-3 1 1-3 3 3 3-1 1-3-3-3 3-1-1 3-3z"),
}
TEXT, GRID = "#737b86", "#737b8655"

WIDTH, HEIGHT = 860, 400
TOP, BOTTOM = 64, 350
# The left and right border of each panel.
SIDES = [(60, 400), (500, 840)]


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


def text(x: float, y: float, content: str, anchor: str = "middle", weight: str = "normal") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{content}</text>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{GRID}"/>'


Points = list[tuple[float, float]]


def curve(function: str, points: Points, marked: Points) -> str:
    """A line through `points`, and marks."""
    _, colour, mark = LOOKS[function]
    width = 3 if function == "kernel-vm" else 1.5
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    marks = "".join(f'<path transform="translate({x:.1f} {y:.1f})" d="{mark}"/>' for x, y in marked)
    return f'<g fill="{colour}"><path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>{marks}</g>'


def panel(title: str, times: Times, left: float, right: float) -> list[str]:
    """Axes, and a curve for each function."""
    sizes = sorted(times)
    all_times = [time for row in times.values() for time in row.values()]
    powers = range(math.floor(math.log10(min(all_times))), math.ceil(math.log10(max(all_times))) + 1)

    def x(size: int) -> float:
        return left + (right - left) * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y(time: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log10(time) - powers[0]) / (powers[-1] - powers[0])

    parts = [text((left + right) / 2, TOP - 14, title, weight="bold")]
    for power in powers:
        parts += [line(left, y(10**power), right, y(10**power))]
        parts += [text(left - 8, y(10**power) + 4, duration(power), anchor="end")]
    for size in sizes:
        parts += [line(x(size), TOP, x(size), BOTTOM), text(x(size), BOTTOM + 18, label(size))]
    parts += [text((left + right) / 2, BOTTOM + 38, "maps")]
    # Ours is drawn last, above the others.
    for function in reversed(functions(times)):
        points = [(x(size), y(times[size][function])) for size in sizes if function in times[size]]
        parts.append(curve(function, points, points))
    return parts


def legend() -> list[str]:
    parts = []
    left = SIDES[0][0]
    for function, (name, _, _) in LOOKS.items():
        parts += [curve(function, [(left, 18), (left + 24, 18)], [(left + 12, 18)])]
        parts += [text(left + 30, 22, name, anchor="start")]
        left += 54 + 7 * len(name)
    return parts


def main() -> None:
    found = medians(directory(sys.argv[1:]))
    parts = legend()
    for (group, title), (left, right) in zip(PANELS, SIDES):
        if group not in found:
            sys.exit(f"no results for {group}")
        parts += panel(title, found[group], left, right)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="{TEXT}" '
    head += 'font-family="system-ui, sans-serif" font-size="12">\n<title>Time against the number of maps</title>'
    svg = "\n".join([head, *parts, "</svg>"]) + "\n"
    docs = Path(__file__).resolve().parent.parent / "docs"
    (docs / "plot.svg").write_text(svg)
    uri = "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
    (docs / "plot.md").write_text(f"[plot]: {uri}\n")


if __name__ == "__main__":
    main()
