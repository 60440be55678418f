"""A window that files can be dragged out of, as a file manager's: press on it and move."""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class Source(QLabel):
    """Drags the files that the command line names."""

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(path) for path in sys.argv[1:]])
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.exec(Qt.DropAction.CopyAction)
        # The receiver may still ask for what was dropped.
        QTimer.singleShot(3000, QApplication.quit)


if __name__ == "__main__":
    app = QApplication(sys.argv[:1])
    source = Source("drag me")
    source.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint)
    source.setGeometry(0, 0, 60, 30)
    source.show()
    print("ready", flush=True)
    app.exec()
