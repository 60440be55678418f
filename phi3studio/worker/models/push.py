"""Files of this computer into a repository of the hub, through ``huggingface_hub``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.runs.bundle.hub_files import check_name
from phi3studio.worker.models.hub import Hub

_MESSAGE = "Upload with Phi-3 Studio"


def push(
    name: str,
    files: Mapping[str, Path],
    *,
    private: bool,
    token: str | None,
    tell: Callable[[dict[str, Any]], object],
    check: Callable[[], None],
) -> dict[str, Any]:
    """Upload *files*, by their path there, as one commit to the repository *name*, which is made
    where there is none: private, if it is to be. A public one takes files only if they may be.
    *token* stands in for the user's.

    *check* may raise between two files: what was uploaded is in no commit then. Returns
    ``{"url", "commit"}``. Raises :class:`UserFacingError` for everything that the hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    check_name(name)
    hub = Hub.of_user(token)
    if hub.token is None:
        raise InputError("push.no_token", endpoint=hub.endpoint)
    api = HfApi(endpoint=hub.endpoint, token=hub.token, headers=hub.headers())
    try:
        if "/" not in name:
            name = f"{api.whoami()['name']}/{name}"
        try:
            is_private = bool(api.repo_info(name).private)
        except RepositoryNotFoundError:
            api.create_repo(name, private=private)
            is_private = private
        if private and not is_private:
            raise InputError("push.public", name=name)
        operations = []
        sizes = {path: file.stat().st_size for path, file in files.items()}
        progress = {"total": len(files), "total_bytes": sum(sizes.values())}
        sent = 0
        for done, (path, file) in enumerate(files.items()):
            check()
            at = {"path": path, "step": done, "done_bytes": sent}
            tell({"activity": f"uploading {path}", **at, **progress})
            sent += sizes[path]
            operation = CommitOperationAdd(path_in_repo=path, path_or_fileobj=file)
            api.preupload_lfs_files(name, additions=[operation], free_memory=False)
            operations.append(operation)
        check()
        made = api.create_commit(name, operations, commit_message=_MESSAGE)
    except Exception as exc:
        raise _error(hub, exc, name) from exc
    return {"url": f"{hub.endpoint}/{name}", "commit": made.oid, "name": name}


def _error(hub: Hub, exc: Exception, name: str) -> UserFacingError:
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(exc, HfHubHTTPError) and exc.response.status_code == 403:
        return InputError("push.refused", name=name, endpoint=hub.endpoint)
    return hub.error(exc, name)
