"""What the Slack chat is told by the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from bot.platforms import ids
from bot.settings import Settings

API_BASE = "https://slack.com/api/"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a Socket Mode connection may be silent, in seconds, before it is replaced."""

    hello: float = 20.0
    """Slack greets each new connection at once; one that was not greeted hears nothing."""
    dead: float = 40.0
    """The SDK reconnects by itself; after this long without a connection a fresh client does it."""
    quiet: float = 900.0
    """A connection that was greeted may still have gone deaf: after this long without any event it is renewed."""
    ping: float = 10.0
    """Between two pings; four unanswered ones are a dead connection."""
    look: float = 2.0
    """Between two looks at the connection."""
    retry: float = 5.0
    """Before Slack is tried again after it could not be reached; doubles up to a minute."""


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """Socket Mode needs `bot_token` and `app_token`; HTTP mode needs `signing_secret` and either
    `bot_token` (one workspace) or `client_id` and `client_secret` (OAuth install, many workspaces)."""

    bot_token: str | None = None
    app_token: str | None = None
    signing_secret: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    api_base: str = API_BASE
    public_url: str = ""
    """Where people reach this program in HTTP mode; names the address that OAuth returns to."""
    file_hosts: tuple[str, ...] = ("slack.com", "slack-edge.com", "slack-files.com")
    """The bot token is sent to these hosts and their subdomains only, and never after a redirect elsewhere."""
    workspaces_allowed: frozenset[str] = frozenset()
    """Ids of the workspaces that may install the app; empty: all."""
    edit_seconds: float = 1.2
    """Between two updates of one message: Slack allows about one `chat.update` a second and workspace."""
    poll_seconds: float = 0.3
    """Before a new file is looked at again, and before the first second try of what Slack could not take."""
    max_upload_bytes: int = 20 * 2**20
    max_files: int = 4
    """Files that are fetched of one message."""
    patience: Patience = field(default_factory=Patience)

    @classmethod
    def of(cls, settings: Settings) -> SlackConfig:
        return cls(
            bot_token=settings.slack_bot_token.get_secret_value() or None,
            app_token=settings.slack_app_token.get_secret_value() or None,
            signing_secret=settings.slack_signing_secret.get_secret_value() or None,
            client_id=settings.slack_client_id or None,
            client_secret=settings.slack_client_secret.get_secret_value() or None,
            api_base=settings.slack_api_base,
            public_url=settings.web_public_url,
            workspaces_allowed=ids(settings.slack_workspaces_allowed),
            max_upload_bytes=settings.max_upload_mb * 2**20,
        )

    @property
    def socket_mode(self) -> bool:
        return bool(self.app_token)

    @property
    def oauth(self) -> bool:
        """Whether workspaces install the app by themselves; Socket Mode serves the one of `bot_token`."""
        return bool(self.client_id and self.client_secret) and not self.socket_mode

    @property
    def stand_in(self) -> str | None:
        """Scheme, host and port of what stands in for Slack, which gets the token with each call anyway."""
        if self.api_base == API_BASE:
            return None
        parts = urlsplit(self.api_base)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def authorize_url(self) -> str:
        """Where a person allows the app: beside the Web API."""
        return urljoin(self.api_base.rstrip("/") + "/", "../oauth/v2/authorize")

    @property
    def redirect_url(self) -> str | None:
        return self.public_url.rstrip("/") + "/slack/oauth_redirect" if self.public_url else None

    def problems(self) -> list[str]:
        """Everything that keeps this configuration from working, one sentence each."""
        found = []
        if self.bot_token and not self.bot_token.startswith("xoxb-"):
            found.append("EASEL_SLACK_BOT_TOKEN is not a bot token: it starts with xoxb- (OAuth & Permissions page).")
        if self.app_token and not self.app_token.startswith("xapp-"):
            found.append("EASEL_SLACK_APP_TOKEN is not an app-level token: it starts with xapp- (Basic Information).")
        if self.app_token and not self.bot_token:
            found.append("Socket Mode needs EASEL_SLACK_BOT_TOKEN beside EASEL_SLACK_APP_TOKEN.")
        if not self.app_token and not self.signing_secret:
            found.append("Set EASEL_SLACK_APP_TOKEN for Socket Mode, or EASEL_SLACK_SIGNING_SECRET for HTTP mode.")
        if not self.app_token and self.signing_secret and not (self.bot_token or self.oauth):
            found.append("HTTP mode needs EASEL_SLACK_BOT_TOKEN, or a client id and secret for OAuth installs.")
        return found
