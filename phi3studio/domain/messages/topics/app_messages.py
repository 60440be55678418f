"""Messages about the program itself: folders, settings, disk, services, updates, runtime packs."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "app.repair": Message("Install the package phi3studio again with pip."),
    "app.repair/installed_app": Message(
        "Install Phi-3 Studio again; your runs, models and settings stay."
    ),
    "app.repair/source": Message("Set the environment up again: {command}."),
    "bug": Message(
        "Something unexpected happened: {reason}",
        "The run's log.txt holds the details; report it with that file. The run can be resumed "
        "after the cause is gone.",
    ),
    "bug/service": Message(
        "An unexpected error occurred: {reason}",
        "Please report it; the helper process's log holds the details.",
    ),
    "cancelled": Message(
        "The request was withdrawn.",
        "Ask again.",
    ),
    "disk.full": Message(
        "The disk is full; {path} could not be written.",
        "Free some space and resume the run: what was done is kept.",
    ),
    "disk.full/bundle": Message(
        "The bundle takes {needed:bytes}, and {folder} has only {free:bytes} free.",
        "Make room on the disk or choose another place.",
    ),
    "disk.full/download": Message(
        "The disk became full while {model} was downloaded.",
        "Free some space, or set HF_HOME to a folder on another disk, and get the model again: "
        "what arrived is kept.",
    ),
    "disk.full/unnamed": Message(
        "The disk is full; a file could not be written.",
        "Free some space and resume the run: what was done is kept.",
    ),
    "disk.not_writable": Message(
        "The folder {path} cannot be written: {reason}.",
        "Give yourself the right to write there, or set PHI3STUDIO_HOME to another folder.",
    ),
    "disk.not_writable/access": Message(
        "{path} cannot be read or written: {reason}.",
        "Give yourself the right to do so, or set PHI3STUDIO_HOME to another folder.",
    ),
    "disk.not_writable/access_unnamed": Message(
        "A file cannot be read or written: {reason}.",
        "The log names the file; give yourself the right to it, or set PHI3STUDIO_HOME to "
        "another folder.",
    ),
    "disk.not_writable/delete": Message(
        "{path} could not be deleted: {reason}.",
        "Close the programs that use it and try again.",
    ),
    "disk.not_writable/file": Message(
        "The file {path} cannot be written: {reason}.",
        "Give yourself the right to write there, or free some space.",
    ),
    "disk.not_writable/hub": Message(
        "The folder {path} cannot be written: {reason}.",
        "Give yourself the right to write there, or set HF_HOME to another folder.",
    ),
    "disk.not_writable/out": Message(
        "{path} cannot be written: {reason}.",
        "Name another place with --out.",
    ),
    "disk.too_little/convert": Message(
        "The converted model takes up to {needed:bytes}, and {free:bytes} are free at {folder}.",
        "Free some space, or set PHI3STUDIO_HOME to a folder on another disk.",
    ),
    "disk.too_little/download": Message(
        "{model} needs {needed:bytes} more on the disk of {folder}, and {free:bytes} are free.",
        "Free some space, or set HF_HOME to a folder on another disk.",
    ),
    "disk.too_little/move": Message(
        "Moving takes {needed:bytes} on the disk of {folder}, and {free:bytes} are free.",
        "Free some space, or choose a folder on another disk.",
    ),
    "disk.too_little/run": Message(
        "This run needs about {needed:bytes} on the disk of {folder}, and {free:bytes} are free.",
        "Free some space, or set PHI3STUDIO_HOME to a folder on another disk.",
    ),
    "display.library": Message(
        "The system library {name} is missing; the window cannot open without it.",
        "Install the package that holds it (on Debian and Ubuntu: sudo apt install {package}) "
        "and start again.",
    ),
    "display.library/other": Message(
        "The window's libraries cannot be loaded: {reason}",
        "Install the program again; the commands work without a window: phi3studio --help.",
    ),
    "display.none": Message(
        "There is no display: the window needs a desktop (X11 or Wayland).",
        "Start it from a desktop session, or use the commands: phi3studio --help.",
    ),
    "display.unreachable": Message(
        "The display {display} does not answer.",
        "Log in to a desktop and start it there; over SSH, connect with ssh -X.",
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
    "home.missing": Message(
        "The data directory {folder} does not exist.",
        "Connect its disk, or choose another folder: phi3studio settings --home FOLDER.",
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
    "inspector.no_report": Message(
        "The check ended without a report.",
        "Try again.",
    ),
    "install.broken": Message(
        "{library} is installed and cannot be loaded: {reason}",
        "{remedy:message}",
    ),
    "install.cpu_torch": Message(
        "ONNX Runtime is the CUDA flavour, but PyTorch is a CPU build, so training would run on "
        "the CPU.",
        "Install the CUDA build of the same PyTorch version.",
    ),
    "install.gpu_out_of_reach": Message(
        "{gpu} is present, but training uses the processor. {reason:message}",
        "{reason:hint}",
    ),
    "install.gpu_unused": Message(
        "{gpu} is present, but the CPU flavour is installed.",
        "Install the runtime pack for NVIDIA GPUs to train on it: under Settings, or phi3studio "
        "runtime install cuda.",
    ),
    "install.missing": Message(
        "{name} is not installed.",
        "{remedy:message}",
    ),
    "install.no_runtime": Message(
        "ONNX Runtime or ONNX Runtime GenAI is not installed.",
        "{remedy:message}",
    ),
    "install.two_runtimes": Message(
        "Several flavours of ONNX Runtime are installed over each other: {names:list}.",
        "They share one folder and break each other. {remedy:message}",
    ),
    "machine.low_disk": Message(
        "The disk is nearly full: {free:bytes} are free.",
        "A run takes 2 GB and more while it works.",
    ),
    "machine.low_memory": Message(
        "Little memory is free: {free:bytes}.",
        "Close other programs before a run.",
    ),
    "privacy.connection_refused": Message(
        "A library tried to connect to {host}; the connection was refused.",
        "Nothing was sent. If the run failed because of it, report this message.",
    ),
    "runtime.broken": Message(
        "The runtime pack for the NVIDIA GPU is broken, so the CPU is used: {damage}.",
        "Repair it under Settings, or: phi3studio runtime install cuda.",
    ),
    "runtime.busy": Message(
        "The runtime pack is already being installed or removed.",
        "Wait for it, or cancel it in the other window.",
    ),
    "runtime.damaged": Message(
        "The runtime pack for the NVIDIA GPU is broken, so the CPU is used: {damage}.",
        "Repair it under Settings, or: phi3studio runtime install cuda.",
    ),
    "runtime.damaged/other_version": Message(
        "The runtime pack for the NVIDIA GPU is of another version of Phi-3 Studio, so the CPU "
        "is used.",
        "Repair it under Settings, or: phi3studio runtime install cuda.",
    ),
    "runtime.disk_full": Message(
        "The disk of {folder} is full.",
        "Free some space and install again: what has arrived is kept. Settings → Folders moves "
        "the data directory to a larger disk.",
    ),
    "runtime.failed": Message(
        "The runtime pack could not be installed. uv says: {reason}",
        "Install again: what has arrived is kept. If a hash is named, the server gave another "
        "file than the one that was released, and it was not used. The log: {log}.",
    ),
    "runtime.in_use": Message(
        "The runtime pack is in use by process {process}.",
        "Wait for the run, close the chat with a model for CUDA, and try again.",
    ),
    "runtime.no_platform": Message(
        "There is no {pack} runtime pack for {system} on {machine}.",
        "It exists for Linux and Windows on x86-64 processors.",
    ),
    "runtime.no_space": Message(
        "The runtime pack needs {needed:bytes} more on the disk of {folder}, and {free:bytes} "
        "are free.",
        "Free some space, or move the data directory to a larger disk: Settings → Folders.",
    ),
    "runtime.no_uv": Message(
        "The program uv, which installs runtime packs, is missing.",
        "Install it into this environment: python -m pip install uv.",
    ),
    "runtime.no_uv/start": Message(
        "The program {path} cannot be started: {reason}.",
        "Install Phi-3 Studio again.",
    ),
    "runtime.not_in_build": Message(
        "This build has no {pack} runtime pack for {system}.",
        "The list of its packages ({list}) was not made when this program was built. Training "
        "uses the processor.",
    ),
    "runtime.not_in_build/source": Message(
        "This build has no {pack} runtime pack for {system}.",
        "The list of its packages ({list}) was not made when this program was built. Training "
        "uses the processor. Make the list: python3 installers/lock.py {list}.",
    ),
    "runtime.not_in_build/windows": Message(
        "This build has no {pack} runtime pack for {system}.",
        "The list of its packages ({list}) was not made when this program was built, because "
        "only PyTorch's own index has the CUDA build for Windows. Training uses the processor. "
        "The setup for DirectML chats on the graphics card.",
    ),
    "runtime.not_in_build/windows_source": Message(
        "This build has no {pack} runtime pack for {system}.",
        "The list of its packages ({list}) was not made when this program was built, because "
        "only PyTorch's own index has the CUDA build for Windows. Training uses the processor. "
        "The setup for DirectML chats on the graphics card. Make the list: python3 "
        "installers/lock.py {list}.",
    ),
    "runtime.offline": Message(
        "The server {host} cannot be reached.",
        "Check the connection and install again: what has arrived is kept.",
    ),
    "runtime.unknown": Message(
        "There is no runtime pack “{name}”.",
        "The packs are: {names:list}.",
    ),
    "runtime.unproven": Message(
        "Everything has arrived, but the libraries cannot be loaded: {reason}",
        "Update the NVIDIA driver, or remove the pack and install it again. Until then the CPU "
        "is used. The log: {log}.",
    ),
    "runtime.unproven/silent": Message(
        "Everything has arrived, but the libraries cannot be loaded: their test stopped "
        "unexpectedly.",
        "Update the NVIDIA driver, or remove the pack and install it again. Until then the CPU "
        "is used. The log: {log}.",
    ),
    "serve.address": Message(
        "The address {host}:{port} cannot be used: {reason}.",
        "Choose another port with --port; 0 takes a free one.",
    ),
    "serve.key": Message(
        "The key is empty or not plain ASCII.",
        "Choose another key.",
    ),
    "service.closed": Message(
        "The helper process “{service}” was closed.",
        "Start the program again.",
    ),
    "service.died": Message(
        "The helper process “{service}” stopped unexpectedly.",
        "Try again: it starts again on its own. If it keeps stopping, memory may be short; its "
        "log is {log}.",
    ),
    "service.method": Message(
        "The helper process has no method “{method}”.",
        "Update Phi-3 Studio: its parts are of different versions.",
    ),
    "service.start": Message(
        "The helper process “{service}” did not start (exit code {exit_code}).",
        "Try again; the reason is at the end of {log}.",
    ),
    "service.too_large": Message(
        "The answer is too large to be shown.",
        "Ask for fewer rows at a time.",
    ),
    "service.unknown": Message(
        "There is no helper process “{name}”.",
        "They are: {names:list}.",
    ),
    "settings.switch": Message(
        "“{given}” is neither on nor off.",
        "Write on or off.",
    ),
    "settings.threads": Message(
        "{threads} cannot be the number of threads.",
        "Give a number from 1 on, or auto.",
    ),
    "settings.threads/text": Message(
        "“{given}” cannot be the number of threads.",
        "Give a number from 1 on, or auto.",
    ),
    "token.malformed": Message(
        "That is not a token of the Hugging Face hub: those begin with hf_.",
        "Make one at https://huggingface.co/settings/tokens (the kind “Read”) and paste it.",
    ),
    "token.no_keyring": Message(
        "This system has no keyring that could hold the token.",
        "Set the environment variable HF_TOKEN instead, or install and unlock a keyring (on "
        "Linux: GNOME Keyring or KWallet).",
    ),
    "token.rejected": Message(
        "The hub does not accept your token.",
        "Make a new one at {endpoint}/settings/tokens and store it with “phi3studio models "
        "sign-in” or under Settings (a token in HF_TOKEN comes first).",
    ),
    "update.unreachable": Message(
        "The list of releases at {host} cannot be read: {reason}.",
        "Check the connection and try again.",
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
