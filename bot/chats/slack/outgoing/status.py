"""The line that Slack shows under a thread while an answer is made ("Easel is drawing #2 of 3…"), and the session
that has Slack's Stop button."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.outgoing.stream import Destination
from bot.chats.slack.trouble import FAILURES, code, is_passing
from handlers.english import words
from handlers.model import Reply
from handlers.presentation import activity

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""A status is worth no longer wait: the answer itself comes after it."""
LASTS_S = 90.0
"""Slack takes a status away after two minutes; who still thinks then says so again."""
AT_THE_END_S = 30.0
"""But that it is over must be told: a session stays "processing" until then."""
NO_STOP = "missing_agent_session_stopped_event_subscription"


def line(reply: Reply) -> str:
    """What is being done, or "" when there is nothing to say."""
    doing = activity(reply)
    return "" if doing is None else f"is {words(doing)}…"


async def mark_session(client: AsyncWebClient, place: Destination, state: str) -> bool | None:
    """Tell Slack how an agent session stands: "processing" has Slack's Stop button, "active" takes it away again.

    Returns:
        False: this app has no agent sessions here. None: Slack could not say.
    """
    begins = state == "processing"
    try:
        async with asyncio.timeout(PATIENCE_S if begins else AT_THE_END_S):
            answer = await client.agents_sessions_setStatus(
                channel_id=place.channel, thread_ts=place.thread_ts, status=state,
                initiator_user_id=place.user if begins else None, title=place.title or None if begins else None,
            )  # fmt: skip
    except SlackApiError as error:
        log.info("no agent session here: %s", code(error))
        return None if is_passing(error) else False
    except FAILURES as error:
        log.info("an agent session could not be marked: %s", type(error).__name__)
        return None
    if NO_STOP in str(answer.get("warning") or ""):
        log.warning("Slack shows no Stop button: subscribe to agent_session_stopped (`easel slack manifest` does)")
    return True


class Status:
    """The status of one thread: told when it changes, given up where Slack refuses it."""

    def __init__(self, place: Destination, clock: Callable[[], float] = time.monotonic) -> None:
        self._place = place
        self._clock = clock
        self._told = ""
        self._told_at = 0.0
        self._session = ""
        self._no_session = False
        self._refused = place.thread_ts is None  # Slack shows one in threads only

    @property
    def seen(self) -> bool:
        """People see the status."""
        return bool(self._told) and not self._refused

    def silence(self) -> None:
        """Say nothing: an answer of long ago is only shown anew."""
        self._no_session = self._refused = True

    async def show(self, client: AsyncWebClient, reply: Reply) -> None:
        state = "active" if reply.final else "processing"
        if not self._no_session and state != self._session:
            self._session = state
            self._no_session = await mark_session(client, self._place, state) is False
        wanted = line(reply)
        faded = bool(wanted) and self._clock() - self._told_at > LASTS_S
        if self._refused or self._place.thread_ts is None or (wanted == self._told and not faded):
            return
        self._told, self._told_at = wanted, self._clock()
        try:
            async with asyncio.timeout(PATIENCE_S if wanted else AT_THE_END_S):
                await client.assistant_threads_setStatus(
                    channel_id=self._place.channel, thread_ts=self._place.thread_ts, status=wanted
                )
        except FAILURES as error:
            log.info("no status here: %s", type(error).__name__)
            self._refused = True
