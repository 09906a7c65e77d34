"""What the Slack chat is told by the settings."""

from __future__ import annotations

from dataclasses import dataclass

API_BASE = "https://slack.com/api/"


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
    file_hosts: tuple[str, ...] = ("slack.com", "slack-edge.com", "slack-files.com")
    """The bot token is sent to these hosts and their subdomains only, and never after a redirect elsewhere."""
    channels_allowed: frozenset[str] = frozenset()
    """Channel ids; empty means all."""
    channels_denied: frozenset[str] = frozenset()
    edit_seconds: float = 1.2
    """Between two updates of one message: Slack allows about one `chat.update` a second and channel."""
    max_upload_bytes: int = 20 * 2**20

    @property
    def socket_mode(self) -> bool:
        return bool(self.app_token)

    @property
    def oauth(self) -> bool:
        return bool(self.client_id and self.client_secret)

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
