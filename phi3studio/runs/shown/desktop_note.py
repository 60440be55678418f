"""A note that the system shows, from any process and without a window; silent where there is none.

Nothing here is awaited for long: a system that does not answer gets no second chance.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

TITLE_VARIABLE, TEXT_VARIABLE = "PHI3STUDIO_NOTE_TITLE", "PHI3STUDIO_NOTE_TEXT"
_PATIENCE_S = 5.0
_SHOWN_MS = 10_000
_PROGRAM = "Phi-3 Studio"

_TOAST = f"""
$kind = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$xml = $kind::GetTemplateContent([Windows.UI.Notifications.ToastTemplateType]::ToastText02)
$texts = $xml.GetElementsByTagName('text')
$texts.Item(0).AppendChild($xml.CreateTextNode($env:{TITLE_VARIABLE})) | Out-Null
$texts.Item(1).AppendChild($xml.CreateTextNode($env:{TEXT_VARIABLE})) | Out-Null
$toast = [Windows.UI.Notifications.ToastNotification]::new($xml)
$kind::CreateToastNotifier('{_PROGRAM}').Show($toast)
"""  # noqa: E501
_APPLE_SCRIPT = (
    f'display notification (system attribute "{TEXT_VARIABLE}")'
    f' with title (system attribute "{TITLE_VARIABLE}")'
)


def show(title: str, text: str, platform: str = sys.platform) -> bool:
    """Show a note; returns whether the system took it. Blocks for at most some seconds.

    On Linux through the freedesktop notification service, on Windows and macOS through a script of
    the system's own; the words go through its environment, so they are never read as a command.
    """
    if platform == "linux":
        return _over_dbus(title, text)
    words = {TITLE_VARIABLE: title, TEXT_VARIABLE: text}
    try:
        done = subprocess.run(
            command(platform),
            env={**os.environ, **words},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def command(platform: str) -> Sequence[str]:
    """What shows the two variables as a note on Windows or macOS."""
    if platform == "win32":
        return ["powershell", "-NoProfile", "-NonInteractive", "-Command", _TOAST]
    return ["osascript", "-e", _APPLE_SCRIPT]


def _over_dbus(title: str, text: str, environment: Mapping[str, str] = os.environ) -> bool:
    try:
        from jeepney import DBusAddress, MessageType, new_method_call
        from jeepney.io.blocking import open_dbus_connection
    except ImportError:  # as on any other system than Linux
        return False
    service = DBusAddress(
        "/org/freedesktop/Notifications",
        bus_name="org.freedesktop.Notifications",
        interface="org.freedesktop.Notifications",
    )
    hints = {"desktop-entry": ("s", "phi3studio")}
    # The body may hold markup.
    body = text.replace("&", "&amp;").replace("<", "&lt;")
    asked = new_method_call(
        service,
        "Notify",
        "susssasa{sv}i",
        (_PROGRAM, 0, "phi3studio", title, body, [], hints, _SHOWN_MS),
    )
    try:
        with open_dbus_connection("SESSION") as bus:
            answer = bus.send_and_get_reply(asked, timeout=_PATIENCE_S)
            return bool(answer.header.message_type is MessageType.method_return)
    except Exception:  # no bus, nobody on it, or a strange one: then there is no note
        return False
