"""What the bundle holds of each library and what is left out, with the reason.

Read by the PyInstaller spec. Every entry was needed, or its absence was tried with a whole run:
data, training, merge, int4, verification, chat.
"""

from __future__ import annotations

import re
from pathlib import Path

# Read by inspect or from disk: Olive's registry and its user scripts, the import structure that
# transformers reads out of its own files, torch's script compiler. A job in Azure ML gets ours.
SOURCE_TOO = (
    "phi3studio",
    "olive",
    "onnxscript",
    "onnx_ir",
    "onnxruntime_genai",
    "peft",
    "accelerate",
)
# Imported by name, which no analysis sees.
SUBMODULES_OF = (
    "phi3studio",
    "olive",
    "onnxruntime_genai",
    "onnxruntime.quantization",
    "onnxruntime.transformers",
    "onnxruntime.tools",
    "peft",
    "datasets.packaged_modules",
    "multiprocess",
    "keyring.backends",
    "uvicorn",
    "bitsandbytes",
    "gguf",
    "tabulate",
)
SUBMODULES_SKIPPED = (
    # Other makers' accelerators and services: each wants an SDK that the bundle does not hold.
    r"^olive\.(systems\.(docker|azureml)|.*openvino|.*qairt|.*\bqnn\b|.*snpe|.*vitis)",
    r"^gguf\.(scripts|gguf_gui)",
    r"^onnxruntime\.(training|backend)",
    r"^onnxruntime\.transformers\.(models\.(stable_diffusion|sam2|whisper|longformer)|benchmark)",
    r"^uvicorn\.(workers|supervisors)",
    r"(^|\.)tests?(\.|$)",
)
# Imported by a name that is put together: PyInstaller does not see it.
HIDDEN = (
    "PySide6.QtOpenGL",  # by pyqtgraph, for every chart
    "PySide6.QtOpenGLWidgets",
)
DATA_OF = (
    "olive",
    "peft",
    "datasets",
    "onnxscript",
    "transformers",
    "accelerate",
    "huggingface_hub",
    "onnxruntime_genai",
    "ftfy",
)
EXCLUDED = [
    "tkinter",
    "IPython",
    "jupyter",
    "matplotlib",
    "tensorboard",
    "tensorflow",
    "jax",
    "flax",
    "torchvision",
    "torchaudio",
    "triton",
    "numba",
    "PySide6.QtQml",
    "PySide6.QtQuick",
    "PySide6.QtQuickWidgets",
    "PySide6.QtSql",
    "PySide6.QtTest",
    "PySide6.QtWebEngineCore",
    "PySide6.QtWebEngineWidgets",
    "PySide6.QtDesigner",
    "PySide6.QtUiTools",
    "pyqtgraph.opengl",
    "pyqtgraph.examples",
    "pyqtgraph.jupyter",
    "setuptools",
    "pip",
    "pytest",
    "hypothesis",
    "pandas.tests",
    "numpy.tests",
    "pyarrow.tests",
    "torch.utils.tensorboard",
]
# Distributions of the build itself: nothing of them is in the bundle.
BUILD_ONLY = frozenset(
    {"pip", "setuptools", "wheel", "pyinstaller", "pyinstaller-hooks-contrib", "altgraph"}
)

# Families of transformers that are no language models, and are imported by name all the same: by
# transformers itself, torchmetrics, PEFT, Olive, the builder of ONNX models.
_FAMILIES_NAMED = frozenset(
    {
        "auto",
        "bert",
        "bert_generation",
        "blip_2",
        "bloom",
        "clip",
        "lfm2_vl",
        "mask2former",
        "mistral3",
        "qwen2_5_vl",
        "qwen3_vl",
        "roformer",
        "siglip",
        "speecht5",
        "t5",
        "timm_wrapper",
    }
)
_CAUSAL = re.compile(r"^class \w+(ForCausalLM|LMHeadModel|WithLMHead)\b", re.MULTILINE)
_NEIGHBOUR = re.compile(r"^\s*from \.\.(\w+)", re.MULTILINE)
# How transformers itself makes its sources, and how old checkpoints were converted.
_NOT_RUN = ("convert_", "modular_")

_PRUNED = (
    r"^transformers/models/\w+/(convert|modular)_\w+\.py$",
    # Headers, tests and sources of C.
    r"^torch/(include|test|share|cmake)/",
    r"^torch/bin/(?!torch_shm_manager)",
    r"^torch/lib/lib(torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)",
    r"^(pyarrow|numpy|pandas)/.*\.(h|hpp|pxd|pxi|pyx|pyi|c|cc|a)$",
    r"^pyarrow/(include|src|tests)/",
    r"^(numpy|pandas|pyarrow|sympy|onnx)/.*/tests?/",
    r"^onnx/backend/test/",
    # Arrow Flight and the object stores: rows come from files and the hub. Arrow's library for
    # Substrait stays, because all its modules are linked against it.
    r"^pyarrow/_(flight|substrait|s3fs|gcsfs|azurefs|hdfs)\.",
    r"(^|/)lib(arrow|arrow_python)_(flight|s3|gandiva)\.",
    # Further copies of what is loaded as libarrow_python.so.<major>.
    r"^pyarrow/libarrow_python\w*\.so(\.\d+\.\d+\.\d+)?$",
    # The GPU's parts come with the runtime pack.
    r"^bitsandbytes/libbitsandbytes_(cuda|rocm|xpu|mps)",
    # Of Qt: what a window of widgets uses.
    r"^PySide6/Qt/qml/",
    r"^PySide6/Qt/translations/(?!qtbase_(it|en))",
    r"^PySide6/Qt/plugins/(egldeviceintegrations|generic|networkinformation|qmltooling|sqldrivers"
    r"|wayland-graphics-integration-server|printsupport|multimedia)/",
    r"^PySide6/Qt/plugins/platforms/libq(eglfs|linuxfb|minimalegl|vkkhrdisplay|vnc)\.so",
    r"^PySide6/Qt/plugins/platformthemes/libqgtk3\.so",
    r"^PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboard",
    r"^PySide6/Qt/plugins/imageformats/libq(pdf|tga|tiff|wbmp|webp|icns)\.so",
    r"^PySide6/Qt/plugins/wayland-graphics-integration-client/lib(vulkan|drm|dmabuf|shm)",
    r"^PySide6/Qt/plugins/wayland-shell-integration/lib(fullscreen|ivi|wl-shell|qt-shell)",
    r"^PySide6/Qt/lib/libQt6(Qml|Quick|Pdf|Sql|Test|VirtualKeyboard|EglF[sS]|WlShell)",
    # Where and how pip installed it.
    r"\.dist-info/(direct_url\.json|INSTALLER|REQUESTED|top_level\.txt|entry_points\.txt\.orig)$",
    # Pictures for the README, the sources of the translations.
    r"^resources/screenshots/",
    r"^resources/translations/.*\.(ts|py)$",
    r"(^|/)__pycache__/",
    r"\.py[co]$",
)
_pruned = re.compile("|".join(_PRUNED))


def families_left_out(models: Path) -> list[str]:
    """The families below ``transformers/models`` that no causal language model needs.

    What can be fine-tuned is a causal language model; two thirds of the families are others, for
    pictures, sound and the like. Kept is what defines such a model and what these import of each
    other.
    """
    sources = {
        folder.name: [
            file.read_text("utf-8")
            for file in sorted(folder.glob("*.py"))
            if not file.name.startswith(_NOT_RUN)
        ]
        for folder in models.iterdir()
        if (folder / "__init__.py").is_file()
    }
    kept: set[str] = set()
    waiting = {
        name
        for name, texts in sources.items()
        if name in _FAMILIES_NAMED or any(map(_CAUSAL.search, texts))
    }
    while waiting:
        name = waiting.pop()
        kept.add(name)
        named = {found for text in sources[name] for found in _NEIGHBOUR.findall(text)}
        waiting |= named & sources.keys() - kept
    return sorted(sources.keys() - kept)


def is_pruned(destination: str) -> bool:
    """Whether the file at *destination* of the bundle is left out."""
    return _pruned.search(destination.replace("\\", "/")) is not None
