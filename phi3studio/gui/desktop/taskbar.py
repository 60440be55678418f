"""How far the run at work is, on the window's own button of the taskbar or dock.

Linux: the launcher protocol of Unity, which KDE's task manager and the docks of Ubuntu and GNOME
listen to. Windows: its list of taskbar buttons. macOS: a badge on the dock's icon. Silent where
nobody listens.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

_LAUNCHER = "application://phi3studio.desktop"


class Taskbar:
    """Shows a share from 0 to 1 on the taskbar of *window*, or nothing."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._shown: int | None = None
        self._buttons: _WindowsButtons | None = None

    def show_share(self, share: float | None) -> None:
        """Show how far the work is; ``None``: nothing is at work."""
        percent = round(100 * share) if share is not None else None
        if percent == self._shown:
            return
        self._shown = percent
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                self._buttons = self._buttons or _WindowsButtons()
                self._buttons.show(int(self._window.winId()), percent)
        elif sys.platform == "darwin":
            app = QGuiApplication.instance()
            if isinstance(app, QGuiApplication):
                app.setBadgeNumber(percent or 0)
        else:
            _tell_docks(percent)


def _tell_docks(percent: int | None) -> None:
    from PySide6.QtDBus import QDBusConnection, QDBusMessage

    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return
    signal = QDBusMessage.createSignal(
        "/com/phi3studio/launcher", "com.canonical.Unity.LauncherEntry", "Update"
    )
    known = {"progress": (percent or 0) / 100, "progress-visible": percent is not None}
    signal.setArguments([_LAUNCHER, known])
    bus.send(signal)


class _WindowsButtons:
    """ITaskbarList3 of the Windows shell. Methods by their place in its table."""

    _CLASS = "{56FDF344-FD6D-11D0-958A-006097C9A090}"
    _INTERFACE = "{EA1AFB91-9E28-4B86-90E9-9E9F8A5EEFAF}"
    _INIT, _SET_VALUE, _SET_STATE = 3, 9, 10
    _NOTHING, _NORMAL = 0, 2

    def __init__(self) -> None:
        ole: Any = ctypes.oledll.ole32  # type: ignore[attr-defined, unused-ignore]
        self._object = ctypes.c_void_p()
        ids = []
        for text in (self._CLASS, self._INTERFACE):
            place = ctypes.create_string_buffer(16)
            ole.CLSIDFromString(ctypes.c_wchar_p(text), place)
            ids.append(place)
        ole.CoCreateInstance(ids[0], None, 1, ids[1], ctypes.byref(self._object))
        self._call(self._INIT)

    def show(self, window: int, percent: int | None) -> None:
        """Draw a share on the button of *window*, or take it away."""
        handle = ctypes.c_void_p(window)
        if percent is None:
            self._call(self._SET_STATE, handle, ctypes.c_int(self._NOTHING))
        else:
            self._call(self._SET_STATE, handle, ctypes.c_int(self._NORMAL))
            self._call(
                self._SET_VALUE, handle, ctypes.c_ulonglong(percent), ctypes.c_ulonglong(100)
            )

    def _call(self, place: int, *arguments: Any) -> None:
        table = ctypes.cast(self._object, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
        kinds = [ctypes.c_void_p, *map(type, arguments)]
        method = ctypes.WINFUNCTYPE(ctypes.HRESULT, *kinds)(table[place])  # type: ignore[attr-defined, unused-ignore]
        method(self._object, *arguments)
