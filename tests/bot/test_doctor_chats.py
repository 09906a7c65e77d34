"""Doctor asks the platforms themselves: a refused token, a missing intent, a missing scope."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot import doctor_chats, doctor_discord
from bot.chats.slack.manifest import SCOPES
from bot.cli import main
from bot.doctor_findings import Level
from bot.settings import Settings, load_settings
from tests.peers.slack_peer import BOT_TOKEN, SlackPeer


def settings(home: Path, **changes: Any) -> Settings:
    return load_settings(home=home).model_copy(update=changes)


@pytest.mark.parametrize(
    ("token", "scopes", "level", "said"),
    [
        (BOT_TOKEN, ",".join(SCOPES), Level.OK, "every scope"),
        (BOT_TOKEN, ",".join(sorted(SCOPES)[1:]), Level.BROKEN, "lacks app_mentions:read"),
        ("xoxb-wrong", ",".join(SCOPES), Level.BROKEN, "invalid_auth"),
    ],
)
async def test_slack_is_asked(tmp_path: Path, token: str, scopes: str, level: Level, said: str) -> None:
    async with SlackPeer() as peer:
        peer.scopes = scopes
        found = await doctor_chats.slack(
            settings(tmp_path, slack_bot_token=SecretStr(token), slack_api_base=peer.api_base)
        )
    assert (found.what, found.level) == ("slack", level)
    assert said in found.sentence


async def test_a_platform_that_cannot_be_reached_is_no_fault_of_the_token(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"  # the discard port: nothing listens
    token = SecretStr("x")
    found = [
        *await doctor_discord.examine(settings(tmp_path, discord_token=token, discord_api_base=nowhere)),
        await doctor_chats.slack(settings(tmp_path, slack_bot_token=token, slack_api_base=nowhere)),
    ]
    assert [finding.level for finding in found] == [Level.WARNING] * 2
    assert all("cannot be reached" in finding.sentence for finding in found)


def test_the_manifest_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest", "--name", "Painter", "--url", "https://easel.example"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["features"]["bot_user"]["display_name"] == "Painter"
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert main(["slack", "manifest"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["socket_mode_enabled"] is True


@pytest.mark.parametrize("url", ["http://easel.example", "easel.example", "https://", ""])
def test_an_address_that_slack_would_not_call_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest", "--url", url]) == 1
    assert "https://" in capsys.readouterr().err


def test_the_documentation_gives_every_scope_with_its_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "slack.md").read_text()
    for scope, why in SCOPES.items():
        assert f"| `{scope}` | {why} |" in page
