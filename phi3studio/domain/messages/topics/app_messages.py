"""Messages about the program itself: folders, settings, disk, services, updates, runtime packs."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "app.repair": Message("Install the package phi3studio again with pip."),
    "app.repair/installed_app": Message(
        "Install Phi-3 Studio again; your runs, models and settings stay."
    ),
    "app.repair/source": Message("Set the environment up again: {command}."),
}
