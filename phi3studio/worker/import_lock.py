"""Imports of libraries that must not happen in two threads at once."""

from __future__ import annotations

import threading
from typing import Any

# transformers replaces its own module while it is imported: a second thread that imports it
# meanwhile can be left with the first, empty one.
_importing = threading.Lock()


def auto_tokenizer() -> Any:
    """The class ``transformers.AutoTokenizer``, imported by one thread at a time."""
    with _importing:
        from transformers import AutoTokenizer
    return AutoTokenizer


def datasets_library() -> Any:
    """The module ``datasets``.

    It looks into transformers wherever that is already in ``sys.modules``, whole or not, so a
    thread that is importing it is waited for.
    """
    with _importing:
        import datasets
        import transformers

        _ = transformers.PreTrainedTokenizerBase
    return datasets
