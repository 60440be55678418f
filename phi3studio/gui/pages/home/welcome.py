"""Home before the first run: what this program does, and two ways to begin."""

from __future__ import annotations

import asyncio
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.gui.base_model_list import BaseModel, known_model
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.sample_list import samples
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Card, Icon, label, links
from phi3studio.runs.demo import demo_recipe


class Welcome(QWidget):
    """The first start: what this program does, and two ways to begin."""

    demo_wanted = Signal()
    new_wanted = Signal()
    sample_wanted = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__()
        theme = context.theme
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(14)
        hero = Card()
        hero.body.setContentsMargins(14, 14, 14, 8)
        hero.body.setSpacing(10)
        hero.body.addWidget(label(self.tr("Teach a small model your own task"), "pageTitle"))
        hero.body.addWidget(
            label(
                self.tr(
                    "You bring a file with examples. Phi-3 Studio trains a model on them, makes it "
                    "small and fast, measures what it has learned, and lets you talk to it. "
                    "Everything stays on this computer."
                ),
                "muted",
                wrap=True,
            )
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        demo = Button(theme, self.tr("Try it now"), kind="primary", icon="play")
        demo.clicked.connect(self.demo_wanted)
        new = Button(theme, self.tr("New fine-tune"), icon="plus")
        new.clicked.connect(self.new_wanted)
        buttons.addWidget(demo)
        buttons.addWidget(new)
        buttons.addStretch(1)
        hero.body.addSpacing(4)
        hero.body.addLayout(buttons)
        self._download = label("", "small", wrap=True)
        self._download.hide()
        context.tasks.run(
            asyncio.to_thread(known_model, demo_recipe().model.source, context.home),
            self._announce,
            lambda _: None,
        )
        hero.body.addWidget(
            label(
                self.tr(
                    "Try it now trains the starter model (135 million parameters) on a sample of "
                    "emotions in a few minutes, from the data to the chat."
                ),
                "small",
                wrap=True,
            )
        )
        hero.body.addWidget(self._download)
        hero.body.addSpacing(6)
        hero.body.addWidget(label(self.tr("Or look at one of the samples first:"), "small"))
        offered = []
        for sample in samples(context.resources):
            button = Button(theme, sample.title, kind="link")
            button.clicked.connect(partial(self.sample_wanted.emit, str(sample.file)))
            offered.append(button)
        half = (len(offered) + 1) // 2
        for some in (offered[:half], offered[half:]):
            hero.body.addLayout(links(*some, spacing=14))
        outer.addWidget(hero)
        steps = QHBoxLayout()
        steps.setSpacing(14)
        for icon, title, text in (
            (
                "file",
                self.tr("1. Examples"),
                self.tr("A table or conversations: Excel, CSV, JSON, Parquet or text."),
            ),
            (
                "chip",
                self.tr("2. Training"),
                self.tr("Small matrices next to the model's weights learn your task (LoRA)."),
            ),
            (
                "chat",
                self.tr("3. Answers"),
                self.tr("The tuned model is exported to ONNX, checked and ready for a chat."),
            ),
        ):
            card = Card()
            card.body.addWidget(Icon(theme, icon, "accent_text", 24))
            card.body.addWidget(label(title, "cardTitle"))
            card.body.addWidget(label(text, "muted", wrap=True))
            card.body.addStretch(1)
            steps.addWidget(card, 1)
        outer.addLayout(steps)
        outer.addStretch(1)

    def _announce(self, base: BaseModel) -> None:
        self._download.setVisible(bool(base.to_download))
        self._download.setText(
            self.tr("The model is downloaded first: {size} from {host}.").format(
                size=words.size(base.to_download), host=base.host
            )
        )
