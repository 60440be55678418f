"""Olive configurations, read: of today's syntax and of the older one of Microsoft's tutorials.

:func:`import_config` makes a recipe of one and says of every key what became of it.
"""

from phi3studio.olive_configs.decisions import Decision, leaves
from phi3studio.olive_configs.importing import Imported, import_config, parse_config

__all__ = ["Decision", "Imported", "import_config", "leaves", "parse_config"]
