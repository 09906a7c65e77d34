"""Doctor asks the platforms themselves: a refused token, a missing intent, a missing scope."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from slack_sdk.oauth.installation_store import Bot

from bot.chats.discord import checkup as discord
from bot.chats.slack import checkup as slack
from bot.chats.slack.clients import Installations
from bot.chats.slack.manifest import SCOPES
from bot.cli import main
from bot.settings import Settings, load_settings
from imaging.findings import Level
from tests.peers.slack_peer import APP_TOKEN, BOT_TOKEN, SlackPeer


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
        found = await slack.bot_token(
            settings(tmp_path, slack_bot_token=SecretStr(token), slack_api_base=peer.api_base)
        )
    assert (found.what, found.level) == ("slack", level)
    assert said in found.sentence


async def test_a_platform_that_cannot_be_reached_is_no_fault_of_the_token(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"  # the discard port: nothing listens
    token = SecretStr("x")
    found = [
        *await discord.examine(settings(tmp_path, discord_token=token, discord_api_base=nowhere)),
        await slack.bot_token(settings(tmp_path, slack_bot_token=token, slack_api_base=nowhere)),
    ]
    assert [finding.level for finding in found] == [Level.WARNING] * 2
    assert all("cannot be reached" in finding.sentence for finding in found)


@pytest.mark.parametrize(
    ("token", "level", "said"),
    [
        (APP_TOKEN, Level.OK, "Socket Mode can be opened"),
        ("xapp-wrong", Level.BROKEN, "refuses EASEL_SLACK_APP_TOKEN (invalid_auth)"),
        (BOT_TOKEN, Level.BROKEN, "connections:write"),
    ],
)
async def test_slack_is_asked_for_a_socket(tmp_path: Path, token: str, level: Level, said: str) -> None:
    async with SlackPeer() as peer:
        found = await slack.socket_mode(
            settings(tmp_path, slack_app_token=SecretStr(token), slack_api_base=peer.api_base)
        )
        assert peer.connections == 0  # asked for, not used
    assert (found.what, found.level) == ("slack socket", level)
    assert said in found.sentence


def installed(home: Path, team: str, token: str = BOT_TOKEN, expires_in_s: float | None = None) -> None:
    store = Installations(database=str(home / "slack.db"), client_id="1.2")
    store.init()
    bot = Bot(
        app_id="A1", team_id=team, team_name=f"Team {team}", bot_token=token, bot_id="B1", bot_user_id="U1",
        installed_at=time.time(),
    )  # fmt: skip
    if expires_in_s is not None:
        bot.bot_refresh_token = "r"
        bot.bot_token_expires_at = int(time.time() + expires_in_s)
    store.save_bot(bot)


async def test_every_installed_workspace_is_asked_about(tmp_path: Path) -> None:
    async with SlackPeer() as peer:
        given = settings(
            tmp_path, slack_signing_secret=SecretStr("s"), slack_client_id="1.2",
            slack_client_secret=SecretStr("c"), slack_api_base=peer.api_base, web_public_url="https://easel.example/",
        )  # fmt: skip
        (question,) = slack.questions(given)
        none = await question
        assert "open https://easel.example/slack/install" in none.sentence

        installed(tmp_path, "T1")
        installed(tmp_path, "T2", "xoxb-long-ago", expires_in_s=-60)
        good = await slack.workspaces(given)
        assert good.level is Level.OK
        assert good.sentence.endswith("needed: 1; 1 more get a fresh token from `easel serve`")

        installed(tmp_path, "T3", "xoxb-wrong", expires_in_s=3_600)
        bad = await slack.workspaces(given)
        assert bad.level is Level.BROKEN
        assert "refuses the token of workspace Team T3 (invalid_auth)" in bad.sentence


async def test_what_is_asked_of_slack_is_what_is_set(tmp_path: Path) -> None:
    async with SlackPeer() as peer:
        both = settings(
            tmp_path, slack_bot_token=SecretStr(BOT_TOKEN), slack_app_token=SecretStr(APP_TOKEN),
            slack_api_base=peer.api_base,
        )  # fmt: skip
        found = [await question for question in slack.questions(both)]
    assert [finding.what for finding in found] == ["slack", "slack socket"]
    assert slack.questions(settings(tmp_path)) == []


def test_the_manifest_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest", "--name", "Painter", "--url", "https://easel.example"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["features"]["bot_user"]["display_name"] == "Painter"
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert main(["slack", "manifest"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["socket_mode_enabled"] is True


def test_the_manifest_of_the_older_view_and_names_that_slack_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest", "--assistant"]) == 0
    assert "assistant_view" in json.loads(capsys.readouterr().out)["features"]
    for name in ("x" * 36, ""):
        assert main(["slack", "manifest", "--name", name]) == 1
        assert "1 to 35 characters" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://easel.example", "easel.example", "https://", ""])
def test_an_address_that_slack_would_not_call_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest", "--url", url]) == 1
    assert "https://" in capsys.readouterr().err


def test_the_documentation_gives_every_scope_with_its_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "slack.md").read_text()
    for scope, why in SCOPES.items():
        assert f"| `{scope}` | {why} |" in page
