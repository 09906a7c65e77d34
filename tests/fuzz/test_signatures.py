"""Signed requests: only what was signed with our secret, lately, is heard; everything else gets a 401, never a 500."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chats.slack.chat import SlackChat
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.gateway.install import SignedStates
from bot.chats.slack.gateway.service import SlackService
from handlers.ports import Handlers, Store
from tests.bot.slack.conftest import SPECS, FewThings, Memory, Recorder
from tests.fuzz import damaged, fuzzed

SECRET = "signing-secret"
BODY = '{"type":"event_callback","team_id":"T1","event":{"type":"app_mention","text":"a fox","user":"U1"}}'
LOOP = asyncio.new_event_loop()


def sign(moment: str, body: str, secret: str = SECRET) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{moment}:{body}".encode(), hashlib.sha256).hexdigest()


def service(tmp: Any) -> SlackService:
    config = SlackConfig(signing_secret=SECRET, bot_token="xoxb-1", api_base="http://127.0.0.1:1/api/")
    chat = SlackChat(config, cast(Handlers, Recorder()), cast(Store, FewThings()), Memory(), SPECS, tmp / "slack.db")
    return SlackService(chat)


NOW = int(time.time())
moments = st.one_of(
    st.integers(NOW - 10**6, NOW - 600).map(str), st.integers(NOW + 3600, NOW + 10**6).map(str),
    st.sampled_from(["", "0", "-1", "nan", "1e9", "9" * 5000, "١٢٣", f" {NOW}", f"{NOW}.0"]), st.text(max_size=12),
)  # fmt: skip
lines = st.text(max_size=20) | st.sampled_from(["", "v0=", "v1=abc", sign(str(NOW), BODY, "another"), "v0=" + "0" * 64])


@fuzzed
@given(st.data())
def test_slack_requests(tmp_path_factory: Any, data: Any) -> None:
    known = getattr(test_slack_requests, "service", None)
    if known is None:
        known = test_slack_requests.service = service(tmp_path_factory.mktemp("slack"))  # type: ignore[attr-defined]
    body, moment = BODY, str(NOW)
    signature = sign(moment, body)
    match data.draw(st.sampled_from(["body", "moment", "signature", "old", "none"])):
        case "body":
            body = data.draw(damaged(BODY.encode())).decode("utf-8", "replace")
        case "moment":
            moment = data.draw(moments)
        case "signature":
            signature = data.draw(lines)
        case "old":  # rightly signed, and sent again later
            moment = data.draw(st.integers(NOW - 10**6, NOW - 600).map(str))
            signature = sign(moment, body)
    check_request(known, body, moment, signature, shown=data.draw(st.booleans()))


def check_request(known: SlackService, body: str, moment: str, signature: str, *, shown: bool) -> None:
    headers = {"content-type": "application/json"}
    if shown:
        headers |= {"x-slack-signature": signature, "x-slack-request-timestamp": moment}
        if (body, moment, signature) == (BODY, str(NOW), sign(str(NOW), BODY)):
            return
    answer = LOOP.run_until_complete(known.hear(body, headers))
    assert answer.status == 401


STATES = SignedStates("client-secret")


@fuzzed
@given(st.data())
def test_states_of_an_install(data: Any) -> None:
    state = LOOP.run_until_complete(STATES.async_issue())
    forged = data.draw(damaged(state.encode()).map(lambda raw: raw.decode("utf-8", "replace")) | st.text(max_size=60))
    check_state(state, forged)


def check_state(state: str, forged: str) -> None:
    if forged == state:
        return
    assert LOOP.run_until_complete(STATES.async_consume(forged)) is False
    assert LOOP.run_until_complete(STATES.async_consume(state)) is True
    assert LOOP.run_until_complete(STATES.async_consume(state)) is False


@pytest.mark.parametrize(
    ("body", "moment", "signature"),
    [
        ("{", str(NOW), "v0=00"),
        ("payload=[", str(NOW), "v0=00"),
        (BODY, "", sign("", BODY)),
        (BODY, "9" * 5000, sign("9" * 5000, BODY)),
        (BODY, str(NOW), "v0=é"),
        (BODY, str(NOW), ""),
        ('{"ssl_check": "1"}', str(NOW), ""),
    ],
    # Names without the time: every process of a run has to find the same tests.
    ids=["cut", "cut form", "no moment", "endless moment", "letter", "no signature", "check"],
)
def test_what_was_found(tmp_path: Path, body: str, moment: str, signature: str) -> None:
    """Bodies were read before their signature was looked at, and moments taken for numbers: a 500 each."""
    known = service(tmp_path)
    check_request(known, body, moment, signature, shown=True)
    check_request(known, body, moment, signature, shown=False)
