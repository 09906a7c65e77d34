"""What is tried again, and when: 429 with Retry-After everywhere, broken connections where that repeats nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import ClientConnectorError, ClientError
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

ATTEMPTS = 30
"""Waits of one call for its turn under a rate limit."""
LONGEST_S = 120.0
"""A Retry-After beyond this is asked again after this."""
HASTY = ("chat.startStream", "chat.appendStream")
"""Calls that are worth nothing later: their caller goes another way instead of waiting."""
ONCE = (
    "chat.postMessage",
    "chat.startStream",
    "chat.appendStream",
    "chat.postEphemeral",
    "files.completeUploadExternal",
)
"""Calls that a broken connection may or may not have carried out: sent again blindly they could happen twice."""
PASSING = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited", "rate_limited",
     "team_added_to_org"}
)  # fmt: skip
"""Errors that are gone after a while."""

FAILURES = (SlackClientError, ClientError, OSError, TimeoutError)
"""What a call of Slack may raise: its refusals, and everything that a network does."""
NO_ACCESS = frozenset({"account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed"})
"""Errors that mean the app is not let in at all."""


def method_of(request: HttpRequest) -> str:
    return str(request.url).rsplit("/", 1)[-1].partition("?")[0]


class RateLimitHandler(AsyncRetryHandler):
    """Waits as long as Slack says. One `Retry-After` holds for all calls of that method in the workspace:
    the others wait too instead of being refused one after the other."""

    def __init__(self) -> None:
        super().__init__(max_retry_count=ATTEMPTS)
        self._until: dict[str, float] = {}

    def wait_s(self, method: str) -> float:
        """How long the method is closed from now on, in seconds; 0 when it is open."""
        return max(0.0, self._until.get(method, 0.0) - asyncio.get_running_loop().time())

    async def _can_retry_async(
        self, *, state: RetryState, request: HttpRequest, response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:  # fmt: skip
        if response is None or response.status_code != 429:
            return False
        method = method_of(request)
        closed = asyncio.get_running_loop().time() + min(LONGEST_S, retry_after(response))
        self._until[method] = max(closed, self._until.get(method, 0.0))
        return method not in HASTY

    async def prepare_for_next_attempt_async(
        self, *, state: RetryState, request: HttpRequest, response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:  # fmt: skip
        state.next_attempt_requested = True
        await asyncio.sleep(self.wait_s(method_of(request)) + random.random() * 0.5)  # not all at the same moment
        state.increment_current_attempt()


class ConnectionHandler(AsyncConnectionErrorRetryHandler):
    """A broken connection is used again only for calls that may happen twice."""

    async def _can_retry_async(
        self, *, state: RetryState, request: HttpRequest, response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:  # fmt: skip
        if method_of(request) in ONCE:
            return False
        return await super()._can_retry_async(state=state, request=request, response=response, error=error)


def retry_after(response: HttpResponse) -> float:
    """Seconds; 1 where Slack does not say."""
    for name, value in response.headers.items():
        if name.lower() == "retry-after":
            text = value if isinstance(value, str) else value[0]
            try:
                return max(0.0, float(text))
            except ValueError:
                break
    return 1.0


def code(error: SlackApiError) -> str:
    """Slack's own word for an error, such as `channel_not_found`."""
    try:
        return str(error.response["error"])
    except (KeyError, TypeError):
        return "unknown_error"


def is_passing(error: BaseException) -> bool:
    """Whether the same call may work in a while."""
    if isinstance(error, SlackApiError):
        # The answer of a proxy is no answer of Slack's: slack_sdk then hands over aiohttp's own response.
        status = getattr(error.response, "status_code", None) or getattr(error.response, "status", None) or 200
        return code(error) in PASSING or status >= 500
    return isinstance(error, (ClientError, OSError, TimeoutError))


T = TypeVar("T")


async def patiently(call: Callable[[], Awaitable[T]], *, attempts: int = 6, wait_s: float = 1.0) -> T:
    """A call again while Slack has trouble, if it cannot have been carried out already.

    Raises:
        What slack_sdk and the network raise: what went wrong for good, or too often.
    """
    for attempt in range(attempts):
        try:
            return await call()
        except (SlackApiError, ClientConnectorError) as error:
            if not is_passing(error) or attempt == attempts - 1:
                raise
        await asyncio.sleep(wait_s * 2**attempt)
    raise AssertionError("unreachable")
