"""Render icons/*.svg to PNG at 32 and 64 pixels (name.png, name_64.png). The PNGs are committed: only whoever
draws needs this.

python -m pip install resvg-py==0.5.0
python icons/render.py
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SIZES = {"": 32, "_64": 64}


def main() -> int:
    """Render every drawing; exit code 2 when the library is absent."""
    try:
        import resvg_py  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        sys.stderr.write(
            "Error: resvg-py is not installed.\n  What to do: python -m pip install resvg-py==0.5.0\n"
        )
        return 2
    for drawing in sorted(FOLDER.glob("*.svg")):
        for ending, size in SIZES.items():
            png = resvg_py.svg_to_bytes(
                svg_path=str(drawing), width=size, height=size, skip_system_fonts=True
            )
            drawing.with_name(f"{drawing.stem}{ending}.png").write_bytes(bytes(png))
    return 0


if __name__ == "__main__":
    sys.exit(main())
