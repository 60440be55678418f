"""The hub's token: in the keyring, and nowhere else."""

from __future__ import annotations

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from phi3studio.app.hub_token import forget_hub_token, hub_token, save_hub_token
from phi3studio.domain.errors import InputError, RunError


class Memory(KeyringBackend):
    """A keyring that lives as long as the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.stored.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.stored[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.stored.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    backend = Memory()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends.fail import Keyring

    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring())


def test_a_token_is_stored_found_and_forgotten(memory: Memory) -> None:
    assert hub_token() is None
    save_hub_token("  hf_abcdefgh\n")
    assert hub_token() == "hf_abcdefgh"
    assert list(memory.stored) == [("phi3studio", "huggingface.co")]
    assert forget_hub_token() is True
    assert forget_hub_token() is False
    assert hub_token() is None


@pytest.mark.parametrize("text", ["", "password", "hf_a b", "hf_ä", "hf_a\nhf_b"])
def test_what_is_no_token_is_not_stored(memory: Memory, text: str) -> None:
    with pytest.raises(InputError) as caught:
        save_hub_token(text)
    assert caught.value.code == "token.malformed"
    assert text == "" or text not in caught.value.message
    assert memory.stored == {}


@pytest.mark.usefixtures("no_keyring")
def test_a_system_without_a_keyring_says_what_to_do_instead() -> None:
    assert hub_token() is None
    for action in (lambda: save_hub_token("hf_abcdefgh"), forget_hub_token):
        with pytest.raises(RunError) as caught:
            action()
        assert caught.value.code == "token.no_keyring"
        assert "HF_TOKEN" in caught.value.hint
