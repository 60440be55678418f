"""Doctor: is everything there that a fine-tune needs?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QVBoxLayout

from phi3studio import __version__
from phi3studio.app.advice import repair
from phi3studio.doctor import Report, diagnosis, examine
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, Callout, Card, Level, clear, label
from phi3studio.gui.widgets.page_frame import Columns, Page
from phi3studio.gui.widgets.states import ErrorState, Skeleton


class DoctorPage(Page):
    """Looks at the machine, then asks the libraries themselves. ``judged`` for the rail's dot."""

    judged = Signal(str, str)

    def __init__(self, context: Context, probe: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        super().__init__(self.tr("Doctor"))
        self._context = context
        self._probe = probe
        self._report: Report | None = None
        self._machine_question = Latest(context.tasks, self)
        self._library_question = Latest(context.tasks, self)
        theme = context.theme
        again = Button(theme, self.tr("Check again"), icon="refresh")
        again.clicked.connect(self.look)
        copy = Button(theme, self.tr("Copy report"), icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.buttons.addWidget(again)
        self.buttons.addWidget(copy)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(8)
        self.content.addLayout(self._findings)
        columns = Columns()
        self.content.addWidget(columns)
        self.content.addStretch(1)
        self._machine = Card(self.tr("This computer"))
        self._libraries = Card(self.tr("Devices and libraries"))
        self._versions = Card(self.tr("Versions"))
        columns.left.addWidget(self._machine)
        columns.left.addWidget(self._libraries)
        columns.left.addStretch(1)
        columns.right.addWidget(self._versions)
        columns.right.addStretch(1)
        self._lines: list[tuple[str, str]] = []

    def entered(self) -> None:
        if self._report is None:
            self.look()

    def look(self) -> None:
        """Look at everything again."""
        for card in (self._machine, self._versions, self._libraries):
            clear(card.body)
            card.body.addWidget(Skeleton(self._context.theme, 4))
        self._machine_question.ask(
            lambda: in_thread(examine, self._context.home), self._draw, self._no_machine
        )
        self._library_question.ask(self._probe, self._draw_libraries, self._no_libraries)

    def text(self) -> str:
        """The report as plain text."""
        lines = [f"Phi-3 Studio {__version__}"]
        lines += [f"{title}: {value}" for title, value in self._lines]
        if self._report is not None:
            lines += [f"{name} {version}" for name, version in self._report.versions.items()]
        return "\n".join(lines) + "\n"

    def _draw(self, report: Report) -> None:
        self._report = report
        facts = report.facts
        gpu = report.gpu or self.tr("none found")
        cores = self.tr("%Ln core(s)", None, facts.cores)
        self._lines = [
            (self.tr("System"), report.system),
            (self.tr("Processor"), f"{report.processor}, {cores}"),
            (
                self.tr("Memory"),
                self.tr("{free} of {total} free").format(
                    free=words.size(facts.free_memory), total=words.size(facts.memory)
                ),
            ),
            (self.tr("Disk"), self.tr("{free} free").format(free=words.size(facts.free_disk))),
            (self.tr("NVIDIA GPU"), gpu),
            (self.tr("Folder"), words.path(self._context.home.root)),
        ]
        self._fill(self._machine, self._lines)
        self._fill(self._versions, list(report.versions.items()))
        self._judge(report)

    def _judge(self, report: Report) -> None:
        clear(self._findings)
        said = [(diagnosis.level, explain_error(diagnosis)) for diagnosis in report.findings]
        for level, words_ in said:
            self._findings.addWidget(
                Callout(self._context.theme, level, words_.message, words_.hint)
            )
        if not said:
            self._findings.addWidget(
                Callout(
                    self._context.theme,
                    "good",
                    self.tr("Everything that a run needs is here."),
                    self.tr("Begin with New fine-tune, or with Try it now for a first look."),
                )
            )
        worst: Level = "good"
        if said:
            worst = "error" if any(level == "error" for level, _ in said) else "warning"
        self.judged.emit(worst, said[0][1].message if said else self.tr("no problems"))

    def _no_machine(self, error: UserFacingError) -> None:
        for card in (self._machine, self._versions):
            clear(card.body)
        self._machine.body.addWidget(ErrorState(self._context.theme, error))

    def _draw_libraries(self, found: dict[str, Any]) -> None:
        # The Azure provider asks a server elsewhere, which this program never does.
        providers = ", ".join(
            name.removesuffix("ExecutionProvider")
            for name in map(str, found.get("providers", []))
            if not name.startswith("Azure")
        )
        cuda = ", ".join(
            f"{device['name']} ({words.size(device['memory'])})" for device in found.get("cuda", [])
        )
        lines = [
            (self.tr("Trains on"), ", ".join(found.get("train_on", [])).upper()),
            (self.tr("CUDA devices"), cuda or self.tr("none")),
            (self.tr("ONNX Runtime runs on"), providers or "–"),
            (self.tr("Threads"), str(found.get("threads", "–"))),
        ]
        self._fill(self._libraries, lines)
        self._lines += lines
        for problem in found.get("problems", []):
            said = explain_error(diagnosis("install.broken", **problem, remedy=repair()))
            self._libraries.body.addWidget(
                Callout(self._context.theme, "error", said.message, said.hint)
            )

    def _no_libraries(self, error: UserFacingError) -> None:
        clear(self._libraries.body)
        self._libraries.body.addWidget(ErrorState(self._context.theme, error))

    def _fill(self, card: Card, lines: list[tuple[str, str]]) -> None:
        clear(card.body)
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        for index, (title, value) in enumerate(lines):
            grid.addWidget(label(title, "muted"), index, 0)
            grid.addWidget(label(value, wrap=True), index, 1)
        card.body.addLayout(grid)
