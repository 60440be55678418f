"""What becomes of each key of an Olive config, and how keys are looked up and ticked off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipes.recipe_gaps import ASKED, marker, with_gaps
from phi3studio.domain.template import nearest

Kind = Literal["carried", "translated", "refused", "gap"]
# Parts of the names of keys whose texts are secrets.
_SECRET = ("token", "secret", "password", "credential", "api_key", "account_key", "auth")

_EMPTY = "Empty: nothing is set by it."


# A placeholder: <subscription-id>, ${COMPUTE}, “Your Azure Resource Group”.
_PLACEHOLDER = re.compile(r"\s*(<[^<>|]+>|\$\{[^{}]+\}|\{\{[^{}]+\}\}|your[ _-].*)\s*", re.I | re.S)


def is_placeholder(value: Any) -> bool:
    """Whether a value only says what belongs there."""
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None


@dataclass(frozen=True)
class Gap:
    """A value that the recipe needs and the config does not say: ``key`` of the recipe, and
    ``text``, why it is open."""

    key: str
    text: str

    @property
    def marker(self) -> str:
        """What the recipe has in place of the value."""
        return marker(self.key)


@dataclass(frozen=True)
class Decision:
    """What became of one key.

    ``path`` names the key (``passes.lora.config.lora_r``, ``data_configs[0].name``). *carried*:
    the value stands in the recipe at ``to``. *translated*: ``text`` says how, ``to`` names the
    recipe's key if there is one. *gap*: a placeholder for the value of ``to``. *refused*: ``text``
    is the reason, ``instead`` what to do.
    ``blocks``: with it refused, the recipe could not run or would train something else.
    ``needs_azure``: it speaks of Azure ML and is kept here for a target there.
    """

    path: str
    value: Any
    kind: Kind
    to: str | None = None
    text: str = ""
    instead: str = ""
    blocks: bool = False
    needs_azure: bool = False

    @property
    def shown(self) -> Any:
        """The value, unless it is a secret: it must reach no screen and no file."""
        name = self.path.rpartition(".")[2].casefold()
        secret = isinstance(self.value, str) and any(part in name for part in _SECRET)
        return "(not shown)" if secret else self.value

    def to_json(self) -> dict[str, Any]:
        """The decision as JSON values, without what does not apply."""
        values: dict[str, Any] = {"path": self.path, "value": self.shown, "decision": self.kind}
        values |= {
            key: getattr(self, key)
            for key in ("to", "text", "instead", "blocks", "needs_azure")
            if getattr(self, key)
        }
        return values


class Entry(NamedTuple):
    """A value of the config and the path that leads to it."""

    path: str
    value: Any

    @property
    def key(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def leaves(value: Any, path: str = "") -> Iterator[Entry]:
    """Every leaf of a config: scalars, and lists that hold no mapping; also empty mappings."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and any(isinstance(item, Mapping) for item in value):
        for at, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{at}]")
    else:
        yield Entry(path, value)


@dataclass
class ImportDraft:
    """The recipe in the making, and the decisions so far. Keys are dotted: ``method.rank``."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    defaults: list[str] = field(default_factory=list)
    """Sentences on settings that the config leaves to Olive."""
    lacking: list[Phrase] = field(default_factory=list)
    """What makes the config wrong as a whole, each with its place for more."""
    gaps: dict[str, Gap] = field(default_factory=dict)
    """What the config does not say and a recipe needs, by key."""
    cloud: bool = False
    """Whether the config's host is in Azure ML: what speaks of it is taken over then."""
    searches: bool = False
    """Whether the export is searched within the goals of ``evaluator``."""
    evaluator: Any = None
    """What the engine names as its evaluator."""

    def carry(self, entry: Entry, to: str, value: Any = None) -> None:
        """The value (or *value* for it) goes into the recipe at *to*."""
        template = to.startswith("data.template.")  # its text may look like anything
        unsaid = is_placeholder(entry.value) or entry.value == entry.key
        if to in ASKED and not template and unsaid:
            self.gap(to, f"{entry.path} is a placeholder.")
            self.leave_open(entry, to, "A placeholder.", f"Write {to} in the recipe.")
            return
        self._set(entry, to, entry.value if value is None else value)
        self.decisions.append(Decision(*entry, "carried", to=to))

    def translate(self, entry: Entry, text: str, to: str | None = None, value: Any = None) -> None:
        """The key is expressed otherwise, as *text* says; with *to*, as *value* there."""
        if to is not None:
            self._set(entry, to, value)
        for leaf in leaves(entry.value, entry.path):
            self.decisions.append(Decision(*leaf, "translated", to=to, text=text))

    def refuse(
        self,
        entry: Entry,
        text: str,
        instead: str,
        *,
        blocks: bool = False,
        needs_azure: bool = False,
    ) -> None:
        """The key, with all that lies below it, cannot be taken over."""
        self.decisions += [
            Decision(*leaf, "refused", None, text, instead, blocks, needs_azure)
            for leaf in leaves(entry.value, entry.path)
        ]

    def azure(
        self,
        entry: Entry,
        what: str,
        instead: str = "The recipe runs on this computer without it.",
        *,
        blocks: bool = False,
    ) -> None:
        """Keep a key of Azure ML: it needs that target."""
        text = f"{what}: it needs the Azure target."
        self.refuse(entry, text, instead, blocks=blocks, needs_azure=True)

    def leave_open(self, entry: Entry, to: str, text: str, instead: str) -> None:
        """The key leaves *to* for somebody to write, as :meth:`gap` notes."""
        self.decisions.append(Decision(*entry, "gap", to, text, instead))

    def gap(self, key: str, text: str) -> None:
        """Leave *key* open for somebody to write, unless the config says it elsewhere."""
        if key not in self.values:
            self.gaps.setdefault(key, Gap(key, text))

    def lack(self, code: str, variant: str = "", **values: Any) -> None:
        """Note something that is wrong with the config as a whole."""
        self.lacking.append(Phrase(code, variant=variant, more=None, **values))

    def default(self, key: str, value: Any, text: str) -> None:
        """Set what the config leaves open to what Olive takes for it."""
        if key not in self.values:
            self.values[key] = value
            self.defaults.append(text)

    def _set(self, entry: Entry, to: str, value: Any) -> None:
        self.gaps.pop(to, None)
        self.values[to] = value
        self.sources[to] = entry.path

    def recipe_values(self) -> dict[str, Any]:
        """The values as the nested mapping of a recipe file, with valid ones for gaps."""
        return with_gaps({}, self.values | {key: ASKED[key][1] for key in self.gaps})


class Section:
    """A mapping of the config; what is nested in its ``config`` or ``params`` counts as its own.

    Each key is taken once. :meth:`take_all` gives those that nobody took.
    """

    def __init__(
        self, entry: Entry | None, draft: ImportDraft, nested: Sequence[str] = ("config", "params")
    ) -> None:
        """Without an entry the section has no keys."""
        self.path = entry.path if entry is not None else ""
        self.draft = draft
        self._entries: dict[str, Entry] = {}
        if entry is not None:
            self._add(entry, nested)

    def _add(self, entry: Entry, nested: Sequence[str]) -> None:
        if not isinstance(entry.value, Mapping):
            self.draft.refuse(
                entry, "A mapping of keys to values belongs here.", "Write one.", blocks=True
            )
            return
        if not entry.value:
            self.draft.translate(entry, _EMPTY)
        for key, value in entry.value.items():
            inner = Entry(f"{entry.path}.{key}" if entry.path else str(key), value)
            if key in nested and (value is None or isinstance(value, Mapping)):
                if value:
                    self._add(inner, nested)
                else:
                    self.draft.translate(inner, _EMPTY)
            else:
                self.put(inner)

    def put(self, entry: Entry) -> None:
        """Add an entry that stands elsewhere in the config; one that is there already counts."""
        there = self._entries.setdefault(entry.key, entry)
        if there is not entry:
            self.draft.refuse(
                entry,
                f"{entry.key} is given twice, also as {there.path}.",
                "Keep one of them.",
                blocks=entry.value != there.value,
            )

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that nobody took yet, left where they are."""
        return tuple(self._entries.values())

    def take(self, *keys: str) -> Entry | None:
        """The entry of the first of *keys* that is there; the others are refused as doubles."""
        found: Entry | None = None
        for key in keys:
            entry = self._entries.pop(key, None)
            if entry is None:
                continue
            if found is None:
                found = entry
            else:
                self.draft.refuse(
                    entry,
                    f"It says the same as {found.path}, which counts.",
                    "Keep one of them.",
                    blocks=entry.value != found.value,
                )
        return found

    def read(self, rule: Callable[[ImportDraft, Entry], None], *keys: str) -> None:
        """As :meth:`take`; the entry is decided on by *rule*."""
        entry = self.take(*keys)
        if entry is not None:
            rule(self.draft, entry)

    def given(self, *keys: str, unset: str = "Not set.") -> Entry | None:
        """As :meth:`take`; an entry that is null is noted as *unset*, and absent then."""
        entry = self.take(*keys)
        if entry is None or entry.value is not None:
            return entry
        self.draft.translate(entry, unset)
        return None

    def peek(self, key: str) -> Any:
        """The value of a key without taking it; ``None`` if it is not there."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def take_all(self) -> list[Entry]:
        """The entries that nobody took yet."""
        left, self._entries = list(self._entries.values()), {}
        return left

    def refuse_rest(self, known: Sequence[str], where: str) -> None:
        """Refuse every key that nobody took; *known* are the right ones *where* it stands."""
        for entry in self.take_all():
            near = nearest(entry.key, list(known))
            self.draft.refuse(
                entry,
                f"{where} has no key “{entry.key}” that is known here.",
                f"Write “{near}” instead, or remove the key." if near else "Remove the key.",
                blocks=True,
            )
