"""HTTP mode's side for browsers: a workspace installs the app at `/slack/install` and comes back with a code."""

from __future__ import annotations

import hmac
import html
import secrets
import time
from collections.abc import Callable
from contextlib import closing

from slack_bolt.error import BoltError
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from bot.chats.slack import manifest
from bot.chats.slack.clients import Clients, web_client
from bot.chats.slack.config import SlackConfig

STATE_S = 600
REASONS = {
    "access_denied": "You did not allow it. Nothing was installed.",
    "invalid_browser": "This page was not reached from the install page in the same browser.",
    "invalid_state": "The install page was open for too long, or was used already.",
    "missing_code": "Slack sent no code.",
    "invalid_code": "Slack did not take the code, or Easel's client secret is wrong; its log says more.",
}


class SignedStates(AsyncOAuthStateStore):
    """States that prove themselves: whoever opens the install page, and never comes back, leaves nothing behind.

    A state is when it expires, a nonce, and a signature with the app's secret; each is taken once.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._taken: dict[str, float] = {}

    async def async_issue(self, *args: object, **kwargs: object) -> str:
        head = f"{int(self._clock()) + STATE_S}.{secrets.token_urlsafe(16)}"
        return f"{head}.{self._signature(head)}"

    async def async_consume(self, state: str) -> bool:
        head, _, signature = (state or "").rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(head).encode()):
            return False
        now, until = self._clock(), float(head.partition(".")[0])
        self._taken = {old: expires for old, expires in self._taken.items() if expires > now}
        if until <= now or state in self._taken:
            return False
        self._taken[state] = until
        return True

    def _signature(self, head: str) -> str:
        return hmac.new(self._secret, b"install/" + head.encode(), "sha256").hexdigest()


class NotServed(BoltError):
    """A workspace that may not install the app; `str()` is the sentence."""


def page(title: str, sentence: str, *, status: int, again: bool) -> BoltResponse:
    link = '<p><a href="/slack/install">Install Easel in Slack</a></p>' if again else ""
    body = (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:36em;margin:4em auto;padding:0 1em}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(sentence)}</p>{link}"
    )
    return BoltResponse(status=status, body=body, headers={"Content-Type": "text/html; charset=utf-8"})


async def _success(args: AsyncSuccessArgs) -> BoltResponse:
    team = args.installation.team_name or args.installation.team_id or "your workspace"
    return page(
        "Easel is installed", f"It is in {team} now. Invite it into a channel with /invite, then mention it there.",
        status=200, again=False,
    )  # fmt: skip


async def _failure(args: AsyncFailureArgs) -> BoltResponse:
    sentence = REASONS.get(args.reason, f"Slack says: {args.reason}.")
    status = args.suggested_status_code
    if args.error is not None:
        refused = isinstance(args.error, NotServed)
        sentence = str(args.error) if refused else "The installation could not be stored; please try again later."
        status = 403 if refused else 500
    return page("Easel was not installed", sentence, status=status, again=True)


class InstallFlow(AsyncOAuthFlow):
    """Bolt's flow with our store, our pages and the list of workspaces that are served."""

    def __init__(self, config: SlackConfig, clients: Clients, served: Callable[[str], str | None]) -> None:
        assert clients.store is not None
        settings = AsyncOAuthSettings(
            client_id=config.client_id,
            client_secret=config.client_secret,
            scopes=sorted(manifest.SCOPES),
            redirect_uri=config.redirect_url,
            authorization_url=config.authorize_url,
            installation_store=clients.store,
            state_store=SignedStates(config.client_secret or ""),
            installation_store_bot_only=True,
            callback_options=AsyncCallbackOptions(success=_success, failure=_failure),
        )
        super().__init__(client=web_client(config, None), settings=settings)
        with closing(clients.store.connect()) as connection:
            # Earlier versions left a row here each time that somebody looked at the install page.
            connection.execute("DROP TABLE IF EXISTS oauth_states")
        self._clients = clients
        self._served = served

    async def store_installation(self, request: AsyncBoltRequest, installation: Installation) -> None:
        team = str(installation.team_id or "")
        if not team or installation.is_enterprise_install:
            raise NotServed(
                "Easel is installed in one workspace after the other; choose a workspace, not the organisation."
            )
        refused = self._served(team)
        if refused is not None:
            raise NotServed(refused)
        await super().store_installation(request, installation)
        self._clients.installed(team)
