"""The program's icon in the forms that Windows and macOS want, drawn from ``resources/icons``.

Both formats are containers of PNG pictures, which Qt draws from the SVG:

    python installers/icons.py           (with PySide6; after a change of the SVG)

A test compares the files with the SVG.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from installers.product import ICON, ROOT

ICO = ROOT / "installers" / "windows" / "phi3studio.ico"
ICNS = ROOT / "installers" / "macos" / "phi3studio.icns"

ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
# The type of each picture in an .icns file, and its pixels.
ICNS_TYPES = {
    b"icp4": 16,
    b"icp5": 32,
    b"ic11": 32,
    b"ic12": 64,
    b"ic07": 128,
    b"ic13": 256,
    b"ic08": 256,
    b"ic14": 512,
    b"ic09": 512,
    b"ic10": 1024,
}
_DRAW = """
import sys
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
app = QGuiApplication([])
renderer = QSvgRenderer(sys.argv[1])
assert renderer.isValid()
for size in map(int, sys.argv[3:]):
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    assert image.save(f"{sys.argv[2]}/{size}.png")
"""


def draw(
    sizes: Sequence[int], icon: Path = ICON, python: Path | str = sys.executable
) -> dict[int, bytes]:
    """PNG pictures of the icon, by their width in pixels; *python* is one with PySide6."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [str(python), "-c", _DRAW, str(icon), folder, *map(str, sorted(set(sizes)))],
            env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return {size: Path(folder, f"{size}.png").read_bytes() for size in set(sizes)}


def write_ico(file: Path) -> None:
    """Write Windows' icon."""
    pictures = draw(ICO_SIZES)
    offset = 6 + 16 * len(ICO_SIZES)
    head, body = struct.pack("<HHH", 0, 1, len(ICO_SIZES)), b""
    for size in ICO_SIZES:
        data = pictures[size]
        side = size % 256  # 0 stands for 256
        head += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(data), offset + len(body))
        body += data
    file.write_bytes(head + body)


def write_icns(file: Path) -> None:
    """Write macOS's icon."""
    pictures = draw(tuple(ICNS_TYPES.values()))
    body = b"".join(
        kind + struct.pack(">I", 8 + len(pictures[size])) + pictures[size]
        for kind, size in ICNS_TYPES.items()
    )
    file.write_bytes(b"icns" + struct.pack(">I", 8 + len(body)) + body)


def main() -> int:
    """Draw both."""
    write_ico(ICO)
    write_icns(ICNS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
