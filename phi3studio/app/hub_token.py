"""The token for the Hugging Face hub, in the system's keyring: never in a file of ours.

``HF_TOKEN`` in the environment and the token of ``hf auth login`` also count; the worker asks
the hub's own library for those.
"""

from __future__ import annotations

from phi3studio.domain.errors import InputError, RunError

_SERVICE = "phi3studio"
_USER = "huggingface.co"


def hub_token() -> str | None:
    """The stored token; ``None`` without one, and where the system has no keyring."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(_SERVICE, _USER) or None
    except KeyringError:
        return None


def check_hub_token(token: str) -> None:
    """Raise :class:`InputError` for what cannot be a token."""
    if not token.isascii() or not token.startswith("hf_") or any(sign.isspace() for sign in token):
        raise InputError("token.malformed")


def save_hub_token(token: str) -> None:
    """Store a token. Raises :class:`InputError` for what cannot be one, :class:`RunError` when
    the system has no keyring.
    """
    import keyring
    from keyring.errors import KeyringError

    token = token.strip()
    check_hub_token(token)
    try:
        keyring.set_password(_SERVICE, _USER, token)
    except KeyringError as exc:
        raise _no_keyring() from exc


def forget_hub_token() -> bool:
    """Remove the stored token; whether there was one."""
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(_SERVICE, _USER)
    except PasswordDeleteError:
        return False
    except KeyringError as exc:
        raise _no_keyring() from exc
    return True


def _no_keyring() -> RunError:
    return RunError("token.no_keyring")
