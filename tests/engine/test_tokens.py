from __future__ import annotations

import asyncio
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.settings import Address, Settings
from engine.tokens import KeyFile, TokenInfo, TokenKind, Tokens, tokens_wanted

HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def keys(tokens: Tokens) -> dict[str, str]:
    return {kind: entry["key"] for kind, entry in json.loads(tokens.as_text()).items()}


def test_each_token_opens_its_own_door() -> None:
    tokens = Tokens(HOUR)
    known = keys(tokens)
    assert tokens.allows(TokenKind.MANAGEMENT, f"Bearer {known['management']}")
    assert tokens.allows(TokenKind.INFERENCE, f"Bearer   {known['inference']}")
    assert not tokens.allows(TokenKind.INFERENCE, f"Bearer {known['management']}")
    assert not tokens.allows(TokenKind.MANAGEMENT, f"Bearer {known['API']}")
    for kind in TokenKind:
        assert tokens.allows(kind, tokens.authorization(kind)["Authorization"])
    assert tokens.may_renew(f"Bearer {known['API']}")
    assert not tokens.may_renew(f"Bearer {known['management']}")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "bearer {key}", "Basic {key}", "{key}", "Bearer {key}x", "Bearer ü"]
)
def test_nothing_else_opens(header: str) -> None:
    tokens = Tokens(HOUR)
    assert not tokens.allows(TokenKind.MANAGEMENT, header.format(key=keys(tokens)["management"]))


def test_tokens_are_long_and_differ() -> None:
    known = keys(Tokens(HOUR))
    assert len(set(known.values())) == 3
    assert all(len(key) >= 43 for key in known.values())


def test_a_token_ends_and_the_renewing_key_does_not(clock: Clock) -> None:
    tokens = Tokens(HOUR, clock)
    known = keys(tokens)
    clock.now += HOUR
    assert not tokens.allows(TokenKind.INFERENCE, f"Bearer {known['inference']}")
    assert tokens.may_renew(f"Bearer {known['API']}")


def test_renewing_replaces_one_token_at_once(clock: Clock) -> None:
    tokens = Tokens(HOUR, clock)
    before = keys(tokens)
    tokens.renew(TokenKind.INFERENCE)
    after = keys(tokens)
    assert not tokens.allows(TokenKind.INFERENCE, f"Bearer {before['inference']}")
    assert tokens.allows(TokenKind.INFERENCE, f"Bearer {after['inference']}")
    assert after["management"] == before["management"]


def test_the_file_has_torchserves_form(clock: Clock) -> None:
    written = json.loads(Tokens(HOUR, clock).as_text())
    assert list(written) == ["management", "inference", "API"]
    assert written["management"]["expiration time"] == "2026-01-01T01:00:00Z"


def test_the_key_file_is_its_owners_alone_and_goes_in_the_end(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("not ours", encoding="utf-8")
    (tmp_path / "key_file.json").symlink_to(target)

    async def body() -> None:
        file = KeyFile(tmp_path, Tokens(HOUR))
        await file.write()
        assert stat.S_IMODE(file.path.lstat().st_mode) == 0o600
        assert not file.path.is_symlink()
        assert json.loads(file.path.read_text(encoding="utf-8")) == json.loads(file.tokens.as_text())
        await file.remove()
        assert not file.path.exists()

    asyncio.run(body())
    assert target.read_text(encoding="utf-8") == "not ours"
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]


WIDE = Address("http", "0.0.0.0", 8080)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (Settings(), False),
        (Settings(inference_address=WIDE), True),
        (Settings(management_address=Address("http", "192.0.2.1", 8081)), True),
        (Settings(inference_address=Address("http", "localhost", 8080)), False),
        (Settings(inference_address=Address("http", "::1", 8080)), False),
        (Settings(inference_address=WIDE, disable_token_authorization=True), False),
        (Settings(sources={"disable_token_authorization": "config.properties line 1"}), True),
    ],
)
def test_tokens_are_wanted_beyond_this_machine_or_when_asked_for(settings: Settings, wanted: bool) -> None:  # noqa: FBT001
    assert tokens_wanted(settings) is wanted


def test_tokens_can_be_described_without_showing_them_by_accident(clock: Clock) -> None:
    tokens = Tokens(HOUR, clock)
    described = tokens.describe()
    known = keys(tokens)
    assert [(one.kind, one.key) for one in described] == [
        (TokenKind.MANAGEMENT, known["management"]),
        (TokenKind.INFERENCE, known["inference"]),
        (None, known["API"]),
    ]
    assert [one.expires for one in described] == [clock.now + HOUR, clock.now + HOUR, None]
    assert known["API"] not in repr(described)


def test_what_has_expired_says_so() -> None:
    now = datetime.now(UTC)
    assert TokenInfo(TokenKind.INFERENCE, "x", now - HOUR).is_expired
    assert not TokenInfo(TokenKind.INFERENCE, "x", now + HOUR).is_expired
    assert not TokenInfo(None, "x").is_expired
