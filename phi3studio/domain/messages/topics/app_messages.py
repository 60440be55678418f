"""Messages about the program itself: folders, settings, disk, services, updates, runtime packs."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "app.repair": Message("Install the package phi3studio again with pip."),
    "app.repair/installed_app": Message(
        "Install Phi-3 Studio again; your runs, models and settings stay."
    ),
    "app.repair/source": Message("Set the environment up again: {command}."),
    "disk.full/bundle": Message(
        "The bundle takes {needed:bytes}, and {folder} has only {free:bytes} free.",
        "Make room on the disk or choose another place.",
    ),
    "disk.not_writable/file": Message(
        "The file {path} cannot be written: {reason}.",
        "Give yourself the right to write there.",
    ),
    "disk.not_writable/out": Message(
        "{path} cannot be written: {reason}.",
        "Name another place with --out.",
    ),
    "disk.too_little/move": Message(
        "Moving takes {needed:bytes} on the disk of {folder}, and {free:bytes} are free.",
        "Free some space, or choose a folder on another disk.",
    ),
    "disk.too_little/run": Message(
        "This run needs about {needed:bytes} on the disk of {folder}, and {free:bytes} are free.",
        "Free some space, or set PHI3STUDIO_HOME to a folder on another disk.",
    ),
    "home.busy": Message(
        "The run {run} is still running, so the data directory cannot be moved.",
        "Wait for it, or pause it.",
    ),
    "home.busy/window": Message(
        "The window of Phi-3 Studio is open, so the data directory cannot be moved.",
        "Close it first, or choose the folder under Settings there.",
    ),
    "home.environment": Message(
        "The environment variable PHI3STUDIO_HOME decides where everything is kept.",
        "Change it, or unset it and try again.",
    ),
    "home.nested": Message(
        "{path} and the present data directory lie inside each other.",
        "Choose a folder next to it, or on another disk.",
    ),
    "home.not_empty": Message(
        "The folder {path} is not empty.",
        "Choose an empty folder to move to, or use the folder as it is.",
    ),
    "home.not_moved": Message(
        "The data directory could not be moved to {path}: {reason}.",
        "Everything is still where it was. Choose another folder.",
    ),
    "home.same": Message(
        "{path} is the data directory already.",
        "Choose another folder.",
    ),
    "privacy.connection_refused": Message(
        "A library tried to connect to {host}; the connection was refused.",
        "Nothing was sent. If the run failed because of it, report this message.",
    ),
    "runtime.broken": Message(
        "The runtime pack for the NVIDIA GPU is broken, so the CPU is used: {damage}.",
        "Repair it under Settings, or: phi3studio runtime install cuda.",
    ),
    "serve.key": Message(
        "The key is empty or not plain ASCII.",
        "Choose another key.",
    ),
    "settings.switch": Message(
        "“{given}” is neither on nor off.",
        "Write on or off.",
    ),
    "settings.threads/text": Message(
        "“{given}” cannot be the number of threads.",
        "Give a number from 1 on, or auto.",
    ),
    "usage": Message(
        "{reason}",
        "phi3studio --help lists the commands, phi3studio COMMAND --help their options.",
    ),
    "usage/move": Message(
        "--move needs --home.",
        "Name the folder: --home FOLDER --move.",
    ),
    "usage/no_recipe": Message(
        "Give either a recipe or --continue RUN.",
        "phi3studio run RECIPE, or phi3studio run --continue RUN --epochs 2.",
    ),
    "usage/only_continue": Message(
        "--epochs and --data belong to --continue.",
        "In a recipe they are training.epochs and data.source.",
    ),
    "usage/two_recipes": Message(
        "Give either a recipe or --continue RUN, not both: a run is continued with its own recipe.",
        "phi3studio run RECIPE, or phi3studio run --continue RUN --epochs 2.",
    ),
}
