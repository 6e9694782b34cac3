"""What criterion measured, as it keeps it in files; for the scripts beside this one."""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

BASE = "btreemap"
FUNCTIONS = ["kernel-vm", BASE, "memory_set", "rangemap", "nodit", "sorted-vec", "plain_scan"]

# Nanoseconds by size and function.
Times = dict[int, dict[str, float]]


def directory(arguments: list[str]) -> Path:
    """Where criterion's files are: the first of `arguments`, which is taken out, if it is a directory."""
    if arguments and Path(arguments[0]).is_dir():
        return Path(arguments.pop(0))
    return Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "criterion"


def medians(directory: Path) -> dict[str, Times]:
    """Times by group. There are some, or the script ends."""
    found = defaultdict(lambda: defaultdict(dict))
    for file in directory.glob("**/new/estimates.json"):
        benchmark = json.loads((file.parent / "benchmark.json").read_text())
        median = json.loads(file.read_text())["median"]["point_estimate"]
        size = benchmark["value_str"]
        if size is not None and size.isdigit():
            found[benchmark["group_id"]][int(size)][benchmark["function_id"]] = median
    return found or sys.exit(f"no results in {directory}")


def functions(times: Times) -> list[str]:
    """Those that were measured, in the order of `FUNCTIONS`."""
    others = {function for row in times.values() for function in row}
    known = [function for function in FUNCTIONS if function in others]
    return known + sorted(others.difference(known))
