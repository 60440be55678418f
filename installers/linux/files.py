"""What a Linux desktop wants to know of the program: menu entry, metadata, file type, icons."""

from __future__ import annotations

import gzip
import shutil
import time
from pathlib import Path

from installers.icons import draw
from installers.product import (
    APP_ID,
    ICON,
    MIME_TYPE,
    NAME,
    PUBLISHER,
    RECIPE_SUFFIX,
    ROOT,
    SLUG,
    Product,
)

TEMPLATES = Path(__file__).parent
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def render(template: str, product: Product, **more: str) -> str:
    """Fill the ``@NAMES@`` of a template; every one of them must be known."""
    text = (TEMPLATES / template).read_text("utf-8")
    values = {
        "NAME": NAME,
        "SLUG": SLUG,
        "APP_ID": APP_ID,
        "MIME": MIME_TYPE,
        "SUFFIX": RECIPE_SUFFIX,
        "PUBLISHER": PUBLISHER,
        "SUMMARY": product.summary,
        "LICENCE": product.licence,
        "VERSION": product.version,
        "DATE": day(product),
        **more,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def day(product: Product) -> str:
    """The day of the build's commit, ``2026-11-24``."""
    return time.strftime("%Y-%m-%d", time.gmtime(product.epoch))


def write_share(share: Path, product: Product, python: Path, program: str) -> None:
    """Write everything that goes below ``/usr/share``.

    *program* is what the menu entry starts; *python* one with PySide6, which draws the icons.
    """
    _write(share / "applications" / f"{SLUG}.desktop",
           render("phi3studio.desktop.in", product, EXEC=program))  # fmt: skip
    _write(share / "metainfo" / f"{APP_ID}.metainfo.xml", render("metainfo.xml.in", product))
    _write(share / "mime" / "packages" / f"{SLUG}.xml", render("mime.xml.in", product))
    icons = share / "icons" / "hicolor"
    scalable = icons / "scalable" / "apps" / f"{SLUG}.svg"
    scalable.parent.mkdir(parents=True)
    shutil.copyfile(ICON, scalable)
    for size, picture in draw(ICON_SIZES, python=python).items():
        file = icons / f"{size}x{size}" / "apps" / f"{SLUG}.png"
        file.parent.mkdir(parents=True)
        file.write_bytes(picture)


def write_documents(share: Path, product: Product) -> None:
    """Write the package's copyright, changelog and manual page."""
    documents = share / "doc" / SLUG
    _write(documents / "copyright", copyright_text(product))
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(product.epoch))
    entry = (
        f"{SLUG} ({product.version}) unstable; urgency=low\n\n"
        "  * See CHANGELOG.md of the source for what has changed.\n\n"
        f" -- {maintainer()}  {stamp}\n"
    )
    _pack(documents / "changelog.gz", entry)
    _pack(share / "man" / "man1" / f"{SLUG}.1.gz", render("manual.1.in", product))


def copyright_text(product: Product) -> str:
    """The machine-readable copyright file: our licence, and where those of the others are."""
    licence = (ROOT / "LICENSE").read_text("utf-8")
    _title, _, text = licence.partition("\n\n")
    holder, _, text = text.partition("\n\n")
    body = "\n".join(f" {line}" if line else " ." for line in text.strip().splitlines())
    who = holder.removeprefix("Copyright (c) ").strip() or PUBLISHER
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: {NAME}\n"
        "Comment: The package carries Python, Qt (LGPL-3) and other libraries. The licence\n"
        f" of each lies in its *.dist-info folder below /opt/{SLUG}/_internal; the\n"
        " program's own page “About” shows them. Qt's libraries are separate files that\n"
        " can be replaced. tcmalloc (BSD-3-clause) has its licence next to it, in\n"
        " _internal/allocator.\n\n"
        f"Files: *\nCopyright: {who}\nLicense: Expat\n{body}\n"
    )


def maintainer() -> str:
    """The package's maintainer, as Debian writes it."""
    return f"{PUBLISHER} <{SLUG}@users.noreply.github.com>"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def _pack(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
