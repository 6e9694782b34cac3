#!/usr/bin/env python3
"""Gives the pictures of `docs/pictures` one look, that of `style.css`, and writes them into `docs/pictures.md`: what the
references `picture-NAME` lead to in the crate's documentation, where no file is beside a page.

    python3 docs/pictures.py
"""

import re
from base64 import b64encode
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"


def dress(svg: str, style: str) -> str:
    """The picture with this style, and no other."""
    return re.sub("<style>.*?</style>", lambda _: f"<style>\n{style}</style>", svg, count=1, flags=re.DOTALL)


def main() -> None:
    style = (PICTURES / "style.css").read_text()
    references = []
    for path in sorted(PICTURES.glob("*.svg")):
        svg = dress(path.read_text(), style)
        path.write_text(svg)
        uri = "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
        references.append(f"[picture-{path.stem}]: {uri}\n")
    (DOCS / "pictures.md").write_text("".join(references))


if __name__ == "__main__":
    main()
