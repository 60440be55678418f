"""A Hugging Face hub: what a model consists of there, who asks, and what its errors mean.

Uses ``huggingface_hub``, so mirrors (``HF_ENDPOINT``), proxies, offline mode (``HF_HUB_OFFLINE``)
and the cache folder are what its other users on this computer have set.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from phi3studio.app import hub_token
from phi3studio.domain.errors import InputError, RunError, UserFacingError, first_line
from phi3studio.models.model_folder import INDEX, is_plain_name
from phi3studio.worker.failures import translate

_SMALL_FILES = {
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    INDEX,
}
_LICENCE = re.compile(r"(licen[cs]e|notice|use_policy)(\.(md|txt))?", re.IGNORECASE)
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[\w][\w./-]{0,200}", re.ASCII)
_TIMEOUT_S = 20.0
_RETRIED = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}


@dataclass(frozen=True)
class RemoteFile:
    """One file to download. ``digest``: SHA-256 of large files, git's blob hash of small ones."""

    path: str
    bytes: int
    digest: str


@dataclass(frozen=True)
class RemoteModel:
    """What a hub says of one commit of a model: the needed files, small ones first."""

    hub_id: str
    commit: str
    files: tuple[RemoteFile, ...]
    code_files: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Hub:
    """A hub's address and the token that it is asked with."""

    endpoint: str
    token: str | None

    @classmethod
    def of_user(cls, token: str | None = None) -> Hub:
        """The hub of the environment, with *token* or the user's: ``HF_TOKEN``, then the
        keyring's, then that of ``hf auth login``. Raises :class:`RunError` in offline mode.
        """
        from huggingface_hub import constants, get_token

        if constants.is_offline_mode():
            raise RunError("model.offline")
        token = token or os.environ.get("HF_TOKEN") or hub_token.hub_token() or get_token()
        return cls(constants.ENDPOINT, token or None)

    def headers(self) -> dict[str, str]:
        """What every request carries: who asks, and no description of this computer, which the
        library would add.
        """
        from phi3studio import __version__

        headers = {"user-agent": f"phi3studio/{__version__}"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return headers

    def url(self, hub_id: str, commit: str, path: str) -> str:
        """Where a file's bytes are asked for."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(hub_id, path, revision=commit, endpoint=self.endpoint)

    def model(self, hub_id: str, revision: str | None, with_code: bool = False) -> RemoteModel:
        """What there is of a model. Raises the library's errors; see :meth:`error`."""
        from huggingface_hub import ModelInfo, get_session, hf_raise_for_status

        if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
            raise self._no_revision(hub_id, revision)
        address = f"{self.endpoint}/api/models/{hub_id}"
        if revision is not None:
            address += f"/revision/{quote(revision, safe='')}"
        answer = get_session().get(
            address,
            params={"blobs": True},
            headers=self.headers(),
            timeout=_TIMEOUT_S,
            follow_redirects=True,
        )
        hf_raise_for_status(answer)
        info = ModelInfo(**answer.json())  # type: ignore[no-untyped-call]
        commit = info.sha or ""
        if not _COMMIT.fullmatch(commit):
            raise _bad_answer(self.endpoint, "it names no commit")
        files: dict[str, RemoteFile] = {}
        for item in info.siblings or ():
            digest = item.lfs.sha256 if item.lfs else item.blob_id
            size = item.lfs.size if item.lfs else item.size
            # A name that leads out of the folder is nothing a model needs; it is never written.
            if is_plain_name(item.rfilename) and digest and size is not None and size >= 0:
                if not _HASH.fullmatch(digest):
                    raise _bad_answer(self.endpoint, f"{item.rfilename} has no proper hash")
                files[item.rfilename] = RemoteFile(item.rfilename, size, digest)
        code = tuple(sorted(name for name in files if name.endswith(".py") and "/" not in name))
        wanted = needed_files(hub_id, set(files)) + (list(code) if with_code else [])
        return RemoteModel(
            hub_id,
            commit,
            tuple(sorted((files[name] for name in wanted), key=lambda file: file.bytes)),
            code,
        )

    def error(self, exc: Exception, hub_id: str, revision: str | None = None) -> UserFacingError:
        """What a user should read about an error of the library or its connection."""
        import httpx2
        from huggingface_hub import errors

        if isinstance(exc, UserFacingError):
            return exc
        if isinstance(exc, errors.RevisionNotFoundError):
            return self._no_revision(hub_id, revision or "")
        if isinstance(exc, errors.HfHubHTTPError):
            return self._status_error(exc, hub_id)
        if isinstance(exc, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
            return InputError("model.bad_endpoint", endpoint=self.endpoint)
        if isinstance(exc, httpx2.HTTPError | httpx2.StreamError | ConnectionError | TimeoutError):
            return RunError("model.no_connection", endpoint=self.endpoint, reason=first_line(exc))
        if isinstance(exc, OSError):
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                return RunError("disk.full", variant="download", model=hub_id)
            return translate(exc)
        if isinstance(exc, ValueError | KeyError | TypeError):
            return _bad_answer(self.endpoint, first_line(exc))
        raise exc

    def _status_error(self, exc: Any, hub_id: str) -> UserFacingError:
        status = exc.response.status_code
        code = exc.response.headers.get("X-Error-Code", "")
        message = exc.response.headers.get("X-Error-Message", "")
        if code == "GatedRepo" or (status == 403 and not code):
            if self.token is None:
                return InputError(
                    "model.gated", variant="signed_out", model=hub_id, endpoint=self.endpoint
                )
            return InputError("model.gated", model=hub_id, endpoint=self.endpoint)
        if status == 401 and (self.token is not None or "credentials" in message.lower()):
            return InputError("token.rejected", endpoint=self.endpoint)
        if status in (401, 404):
            return InputError("model.not_found", model=hub_id, endpoint=self.endpoint)
        if status == 429:
            return RunError("model.hub_busy", model=hub_id)
        return RunError("model.hub_failed", model=hub_id, status=status)

    def _no_revision(self, hub_id: str, revision: str) -> InputError:
        return InputError(
            "model.no_revision", model=hub_id, revision=revision, endpoint=self.endpoint
        )


def needed_files(hub_id: str, names: set[str]) -> list[str]:
    """Which of a repository's files a training needs: safetensors, tokenizer, settings, licence.

    Raises :class:`InputError` when the weights are only there as pickles, or not at all.
    """
    shards = [name for name in names if _SHARD.fullmatch(name)]
    if INDEX in names and shards:
        weights = shards
    elif "model.safetensors" in names:
        weights = ["model.safetensors"]
    else:
        weights = [n for n in names if n.endswith(".safetensors") and "/" not in n]
    if not weights:
        pickled = any(name.endswith((".bin", ".pt", ".pth")) for name in names)
        if pickled:
            raise InputError("model.pickle", model=hub_id)
        raise InputError("model.no_weights", variant="hub", model=hub_id)
    if "config.json" not in names:
        raise InputError("model.no_config", variant="hub", model=hub_id)
    small = {n for n in names if n in _SMALL_FILES or _LICENCE.fullmatch(n)}
    return sorted({*small, *weights} - (set() if weights is shards else {INDEX}))


def is_passing(exc: Exception) -> bool:
    """Whether the same request may well succeed a little later."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(exc, HfHubHTTPError):
        return exc.response.status_code in _RETRIED
    if isinstance(exc, httpx2.UnsupportedProtocol):
        return False
    return isinstance(exc, httpx2.TransportError | httpx2.StreamError)


def is_unreachable(exc: Exception) -> bool:
    """Whether not even a connection came about."""
    import httpx2

    return isinstance(exc, httpx2.ConnectError)


def asked_wait(exc: Exception) -> float | None:
    """How many seconds the hub asks to wait, if it does."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(exc, HfHubHTTPError):
        return None
    headers = exc.response.headers
    value = headers.get("Retry-After", "")
    if not value and (found := re.search(r"r=0\s*;\s*t=(\d+)", headers.get("ratelimit", ""))):
        value = found[1]
    return float(value) if value.isdigit() else None


def _bad_answer(endpoint: str, reason: str) -> RunError:
    return RunError("model.bad_answer", endpoint=endpoint, reason=reason)
