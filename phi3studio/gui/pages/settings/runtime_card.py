"""The runtime pack for NVIDIA GPUs: install, cancel, go on, repair, remove."""

from __future__ import annotations

import asyncio
import threading

from PySide6.QtWidgets import QProgressBar, QVBoxLayout

from phi3studio.domain.errors import Cancelled, UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Callout, Card, clear, label, row
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runtime_pack.install import install_pack
from phi3studio.runtime_pack.installed import pack_status, remove_pack
from phi3studio.runtime_pack.pack_files import PackProgress, PackRecord, PackStatus
from phi3studio.runtime_pack.place import no_pack


class RuntimeCard(Card):
    """Hidden where no pack exists for the system; says why this build has none where one exists."""

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("NVIDIA GPU"))
        self.setAccessibleName(self.tr("NVIDIA GPU"))
        self._context = context
        self._cancel: threading.Event | None = None
        self._status: PackStatus | None = None
        theme = context.theme
        self.body.addWidget(
            label(
                self.tr(
                    "Training and chat on an NVIDIA GPU need libraries that are not "
                    "part of the program. They are downloaded once, checked against "
                    "known hashes, and kept in the data directory, also when the "
                    "program is updated."
                ),
                "muted",
                wrap=True,
            )
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the installation"))
        self.said = label("", "small", wrap=True)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.said)
        self._notes = QVBoxLayout()
        self.body.addLayout(self._notes)
        self.install = Button(theme, self.tr("Install"), icon="save")
        self.install.clicked.connect(self.start)
        self.cancel = Button(theme, self.tr("Cancel"))
        self.cancel.clicked.connect(self.stop)
        self.cancel.setAccessibleName(self.tr("Cancel the installation"))
        self.remove = Button(theme, self.tr("Remove"), icon="trash")
        self.remove.clicked.connect(self.ask_to_remove)
        self.remove.setAccessibleName(self.tr("Remove the runtime pack"))
        self.body.addLayout(row(self.install, self.cancel, self.remove, 1))
        self.hide()

    @property
    def busy(self) -> bool:
        """Whether an installation is going on."""
        return self._cancel is not None

    def look(self) -> None:
        """See what is there."""
        if not self.busy:
            self._context.tasks.run(
                asyncio.to_thread(pack_status, self._context.home, "cuda"), self._draw
            )

    def start(self) -> None:
        """Install, go on, renew or repair."""
        if self.busy:
            return
        clear(self._notes)
        cancel = self._cancel = threading.Event()
        self._draw_buttons()
        self._tell(None)
        self._context.tasks.run(self._install(cancel), self._installed, self._failed)

    def stop(self) -> None:
        """Cancel the installation; what has arrived is kept."""
        if self._cancel is not None:
            self._cancel.set()
            self.cancel.setEnabled(False)
            self.said.setText(self.tr("stopping…"))

    def ask_to_remove(self) -> None:
        """Ask, then remove."""
        size = self._status.bytes if self._status is not None else 0
        question = Question(
            self.window(),
            self._context.theme,
            self.tr("Remove the runtime pack?"),
            self.tr(
                "This frees {size}, and runs use the processor. It can be downloaded "
                "again at any time."
            ).format(size=words.size(size)),
        )
        question.add(self.tr("Remove"), self._remove, kind="danger")
        question.open()

    def _remove(self) -> None:
        clear(self._notes)
        self._context.tasks.run(
            asyncio.to_thread(remove_pack, self._context.home, "cuda"),
            lambda _: self.look(),
            self._failed,
        )

    async def _install(self, cancel: threading.Event) -> PackRecord | None:
        """The new pack, or ``None`` when it was cancelled."""
        loop = asyncio.get_running_loop()

        def tell(progress: PackProgress) -> None:
            loop.call_soon_threadsafe(self._tell, progress)

        def work() -> PackRecord | None:
            try:
                return install_pack(self._context.home, "cuda", tell, cancel)
            except Cancelled:
                return None

        future = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The window closes: uv has to end before the program does.
            cancel.set()
            await asyncio.gather(future, return_exceptions=True)
            raise
        finally:
            self._cancel = None

    def _tell(self, progress: PackProgress | None) -> None:
        if self._cancel is None or self._cancel.is_set():
            return
        if progress is None or progress.activity == "python":
            self.bar.setRange(0, 0)
            self.said.setText(self.tr("creating the environment…"))
        elif progress.activity == "proof":
            self.bar.setRange(0, 0)
            self.said.setText(self.tr("testing the libraries…"))
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * progress.bytes / max(1, progress.bytes_total)))
            self.said.setText(
                self.tr("{packages} of {all} packages · {done} of {total}").format(
                    packages=words.count(progress.packages),
                    all=words.count(progress.packages_total),
                    done=words.size(progress.bytes),
                    total=words.size(progress.bytes_total),
                )
            )

    def _installed(self, record: PackRecord | None) -> None:
        if record is not None:
            self._notes.addWidget(
                Callout(
                    self._context.theme,
                    "good",
                    self.tr("Installed. Every run that starts from now can use the GPU."),
                )
            )
        self.look()

    def _failed(self, error: UserFacingError) -> None:
        clear(self._notes)
        self._notes.addWidget(ErrorState(self._context.theme, error))
        self.look()

    def _draw(self, status: PackStatus | None) -> None:
        self._status = status
        reason = no_pack("cuda") if status is None else None
        self.setVisible(reason is None or reason.code == "runtime.not_in_build")
        if reason is not None:
            clear(self._notes)
            said = explain_error(reason)
            self._notes.addWidget(Callout(self._context.theme, "info", said.message, said.hint))
        self._draw_buttons()

    def _draw_buttons(self) -> None:
        """Show what can be done now."""
        status, busy = self._status, self.busy
        self.bar.setVisible(busy)
        self.cancel.setVisible(busy)
        self.cancel.setEnabled(True)
        state = status.state if status is not None else "absent"
        self.install.setVisible(
            not busy and state != "whole" and status is not None and not status.bundled
        )
        self.remove.setVisible(not busy and state != "absent")
        self.said.setVisible(status is not None)
        if status is None or busy:
            return
        self.said.setText(self._words(status))
        caption = {
            "partial": self.tr("Continue"),
            "renewable": self.tr("Update"),
            "broken": self.tr("Repair"),
        }.get(
            state,
            self.tr("Install {size}").format(size=words.size(status.facts.download_bytes)),
        )
        self.install.rename(caption)
        self.install.set_icon("refresh" if state in ("renewable", "broken") else "save")

    def _words(self, status: PackStatus) -> str:
        if status.bundled:
            return self.tr("This installation already includes them.")
        size = words.size(status.bytes)
        return {
            "absent": self.tr(
                "Not installed: {size} to download, {disk} on the disk afterwards."
            ).format(
                size=words.size(status.facts.download_bytes),
                disk=words.size(status.facts.installed_bytes),
            ),
            "partial": self.tr("Started: {size} downloaded so far are kept.").format(size=size),
            "whole": self.tr("Installed, {size}.").format(size=size),
            "renewable": self.tr(
                "Installed, {size}. It works; newer libraries are available."
            ).format(size=size),
            "broken": self.tr("Broken, so the processor is used: {damage}.").format(
                damage=status.damage
            ),
            "unusable": self.tr(
                "Made for another version of the program, so the processor is used."
            ),
        }[status.state]
