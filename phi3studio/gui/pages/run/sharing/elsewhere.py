"""Where else a finished model can be used: one row for each place, with what to type or press."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFrame, QScrollArea, QVBoxLayout, QWidget

from phi3studio.app.program import find_program, program
from phi3studio.domain.events.measured_events import Proof
from phi3studio.domain.places.browser import BROWSER, START
from phi3studio.domain.places.foundry_local import FOUNDRY_LOCAL, PROGRAM
from phi3studio.domain.places.foundry_local import start_line as foundry_start
from phi3studio.domain.places.gguf import GGUF_KINDS, GgufPlace, start_line
from phi3studio.domain.places.programs import Program, program_start
from phi3studio.gui.pages.run.sharing.export_question import makes_page, proven
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, label, row
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.runs.bundle.sample_programs import asked_columns, sample_arguments
from phi3studio.runs.store import RunFolder
from phi3studio.services.run_export import ExportPlace

_CLIENT = """\
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8765/v1", api_key="KEY")
answer = client.chat.completions.create(
    model="{name}", messages=[{{"role": "user", "content": "Hello"}}]
)
print(answer.choices[0].message.content)
"""


Export = Callable[[ExportPlace | None], object]


@dataclass(frozen=True)
class Place:
    """A place to use a model in. ``made``: what is exported for it first, from here or by the first
    of the lines; ``bundle``: all lines are typed in the exported bundle; ``hub``: it is uploaded,
    from here or by the line."""

    title: str
    about: str
    lines: str
    made: ExportPlace | Literal["bundle", "hub"] | None = None


def places(run: RunFolder, proofs: Mapping[str, Proof]) -> tuple[Place, ...]:
    """The table of places, for one run with an exported model; *proofs* of it in other formats."""
    translate = QCoreApplication.translate
    arguments = sample_arguments(asked_columns(run))
    return (
        Place(
            translate("Elsewhere", "Any program that speaks OpenAI's protocol"),
            translate(
                "Elsewhere",
                "A server on this computer, for as long as the command runs. It prints the key "
                "that programs have to bring.",
            ),
            typed("serve", run.name),
        ),
        Place(
            translate("Elsewhere", "Your own Python, through the server"),
            translate(
                "Elsewhere",
                "With the package openai, while the server runs; KEY is what it printed.",
            ),
            _CLIENT.format(name=run.name),
        ),
        Place(
            translate("Elsewhere", "A terminal"),
            translate("Elsewhere", "A chat without the window."),
            typed("chat", run.name),
        ),
        *_program_places(arguments),
        *_gguf_places(run, proofs),
        _foundry_place(run),
        *([_page_place(run)] if makes_page(run) else []),
        Place(
            translate("Elsewhere", "The Hugging Face hub"),
            translate(
                "Elsewhere",
                "A repository there, private unless you choose otherwise. Every file is shown "
                "before anything is sent.",
            ),
            typed("push", run.name, run.recipe().slug),
            made="hub",
        ),
    )


def _program_places(arguments: str) -> Iterator[Place]:
    translate = QCoreApplication.translate
    programs: dict[Program, tuple[str, str]] = {
        "python": (
            translate("Elsewhere", "A Python program on another computer"),
            translate("Elsewhere", "Needs nothing but onnxruntime-genai."),
        ),
        "csharp": (
            translate("Elsewhere", "A C# program"),
            translate("Elsewhere", "Needs the .NET SDK."),
        ),
        "javascript": (
            translate("Elsewhere", "A JavaScript program"),
            translate("Elsewhere", "Needs Node.js and Python, whose package brings the library."),
        ),
        "cpp": (
            translate("Elsewhere", "A C++ program"),
            translate("Elsewhere", "Needs g++ and Python, whose package brings the library."),
        ),
    }
    how = translate("Elsewhere", "Export a bundle, then type in its folder:")
    for name, (title, needs) in programs.items():
        lines = program_start(name, arguments).replace(" && ", "\n") + "\n"
        yield Place(title, f"{needs} {how}", lines, made="bundle")


def _foundry_place(run: RunFolder) -> Place:
    slug = run.recipe().slug
    first = typed("export", run.name, "--for", FOUNDRY_LOCAL, "--out", slug)
    ask = PROGRAM.format(arguments=sample_arguments(())).replace(" && ", "\n")
    return Place(
        "Foundry Local",
        QCoreApplication.translate(
            "Elsewhere",
            "The first command writes a folder, in which the next asks the model through Foundry "
            "Local's SDK. For its own command, move the folder into the one that foundry cache "
            "location names, as it is; the last command chats with it there.",
        ),
        f"{first}\ncd {slug}\n{ask}\nfoundry cache location\n{foundry_start(slug)}\n",
        made=FOUNDRY_LOCAL,
    )


def _page_place(run: RunFolder) -> Place:
    folder = f"{run.recipe().slug}-page"
    first = typed("export", run.name, "--for", BROWSER, "--out", folder)
    return Place(
        QCoreApplication.translate("Elsewhere", "A web page"),
        QCoreApplication.translate(
            "Elsewhere",
            "It chats with the model in any browser; nothing is sent anywhere. Any web server can "
            "hand the folder out; here it is the last command, for http://localhost:8000.",
        ),
        f"{first}\ncd {folder}\n{START}\n",
        made=BROWSER,
    )


def _gguf_places(run: RunFolder, proofs: Mapping[str, Proof]) -> tuple[Place, ...]:
    """Ollama, LM Studio and llama.cpp: the command makes the file and says how it is started."""
    translate = QCoreApplication.translate
    titles: dict[GgufPlace, str] = {
        "ollama": "Ollama",
        "lmstudio": "LM Studio, Jan",
        "llamacpp": "llama.cpp",
    }
    measured = " ".join(proven(proof) for _, proof in sorted(proofs.items()))
    about = translate(
        "Elsewhere",
        "A GGUF file of the model, measured in llama.cpp where that is installed. Make it here or "
        "with the first command; the others start it.",
    )
    slug = run.recipe().slug
    found = []
    for place, title in titles.items():
        folder = f"{slug}-{place}"
        first = typed("export", run.name, "--for", place, "--out", folder)
        start = start_line(place, f"{slug}-{GGUF_KINDS[0]}.gguf", slug)
        lines = f"{first}\ncd {folder}\n{start}\n"
        found.append(Place(title, f"{about} {measured}".rstrip(), lines, place))
    return tuple(found)


def typed(*words: str) -> str:
    """The command as it is typed in the system's own shell."""
    command = ["phi3studio", *words] if find_program("phi3studio") else program(*words)
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


class ElsewhereDialog(QDialog):
    """The places, each with its lines to copy; *export* asks for a copy, for a place or a bundle
    (``None``), *upload* for an upload to the hub."""

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        shown: Sequence[Place],
        export: Export,
        upload: Callable[[], object],
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Use it elsewhere"))
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 20, 24, 18)
        outer.setSpacing(12)
        outer.addWidget(label(self.tr("Use it elsewhere"), "pageTitle"))
        content = QWidget()
        content.setObjectName("scrollContent")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        column.addStretch(1)

        def add(place: Place) -> None:
            column.insertWidget(column.count() - 1, self._card(theme, place, export, upload))

        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(content)
        outer.addWidget(area, 1)
        close = Button(theme, self.tr("Close"), kind="primary")
        close.clicked.connect(self.accept)
        outer.addLayout(row(1, close))
        room = parent.window().size()
        self.resize(min(720, room.width() - 40), min(760, room.height() - 40))
        close.setFocus()
        InTurns(self).begin(map(add, shown))

    def _card(
        self, theme: Theme, place: Place, export: Export, upload: Callable[[], object]
    ) -> Card:
        card = Card(place.title)
        copy = Button(theme, self.tr("Copy"), icon="copy")
        copy.setAccessibleName(self.tr("Copy: {place}").format(place=place.title))
        copy.clicked.connect(partial(QGuiApplication.clipboard().setText, place.lines))
        if place.made is not None:
            if place.made == "hub":
                said, make = self.tr("Upload…"), upload
                name = self.tr("Upload: {place}")
            else:
                wanted = None if place.made == "bundle" else place.made
                said, make = self.tr("Export…"), partial(export, wanted)
                name = self.tr("Export: {place}")
            bundle = Button(theme, said, icon="up" if place.made == "hub" else "save")
            bundle.setAccessibleName(name.format(place=place.title))
            bundle.clicked.connect(self.accept)
            bundle.clicked.connect(lambda: make())
            card.header.addWidget(bundle)
        card.header.addWidget(copy)
        card.body.addWidget(label(place.about, "muted", wrap=True))
        lines = label(place.lines.rstrip("\n"), "code", wrap=True)
        lines.setFont(theme.mono())
        lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        card.body.addWidget(lines)
        return card
