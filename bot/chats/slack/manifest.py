"""The app manifest, generated from the tables that the code uses: what Slack is told is what we do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.model import CommandSpec

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "hear when somebody mentions the bot",
    "assistant:write": "show a status and suggestions in the agent view",
    "channels:history": "hear the messages of its own threads in public channels",
    "groups:history": "hear the messages of its own threads in private channels",
    "im:history": "hear direct messages",
    "mpim:history": "hear the messages of its own threads in group messages",
    "chat:write": "answer",
    "commands": "offer /easel and the shortcuts",
    "files:read": "look at reference pictures that people send",
    "files:write": "post pictures",
    "reactions:read": "count votes",
    "users:read": "call people by their names and know admins",
}
"""Each bot scope, and why; docs/slack.md is checked against it."""

EVENTS: Mapping[str, str] = {
    "app_mention": "a mention starts a thread",
    "message.channels": "every message in its threads is a turn",
    "message.groups": "the same in private channels",
    "message.im": "direct messages and the agent view",
    "message.mpim": "the same in group messages",
    "app_home_opened": "the home page and the agent view",
    "agent_session_stopped": "Slack's own Stop button",
    "app_uninstalled": "forget a workspace's tokens",
    "tokens_revoked": "forget revoked tokens",
    "reaction_added": "count votes",
    "reaction_removed": "count votes",
}
SHORTCUTS = (
    ("easel.shortcut.edit", "Edit this picture", "message", "Change a picture of this message"),
    ("easel.shortcut.reference", "Use as reference", "message", "Take this message's picture into the thread"),
    ("easel.shortcut.new", "New picture", "global", "Describe a picture to draw"),
)
PROMPTS = (
    ("Logo ideas", "Three different logo ideas for a small bakery"),
    ("A sticker", "A cheerful fox sticker"),
    ("A short story", "A story of a lighthouse keeper in three pictures"),
)
"""Suggested prompts of the agent view."""


def manifest(commands: Sequence[CommandSpec], *, name: str = "Easel", request_url: str | None = None) -> dict[str, Any]:
    """The manifest for api.slack.com/apps → Create New App → From a manifest.

    Without `request_url` it is for Socket Mode; with it, `request_url` is the public https address of
    this program, and events, interactivity and OAuth point to its `/slack/…` paths.
    """
    hint = "|".join(spec.name for spec in commands)
    command = {
        "command": "/easel",
        "description": "Draw, see and manage pictures",
        "usage_hint": hint[:1_000],
        "should_escape": False,
    }
    settings: dict[str, Any] = {
        "event_subscriptions": {"bot_events": sorted(EVENTS)},
        "interactivity": {"is_enabled": True},
        "org_deploy_enabled": False,
        "socket_mode_enabled": request_url is None,
        "token_rotation_enabled": False,
    }
    oauth: dict[str, Any] = {"scopes": {"bot": sorted(SCOPES)}}
    if request_url is not None:
        base = request_url.rstrip("/")
        command["url"] = settings["interactivity"]["request_url"] = f"{base}/slack/events"
        settings["event_subscriptions"]["request_url"] = f"{base}/slack/events"
        settings["token_rotation_enabled"] = True
        oauth["redirect_urls"] = [f"{base}/slack/oauth_redirect"]
    shortcuts = [
        {"callback_id": callback, "name": label, "type": kind, "description": summary}
        for callback, label, kind, summary in SHORTCUTS
    ]
    return {
        "display_information": {
            "name": name,
            "description": "Talk, and pictures appear",
            "background_color": "#2b2d42",
        },
        "features": {
            "agent_view": {
                "agent_description": "Draws what you describe, and changes it as you talk.",
                "suggested_prompts": [{"title": title, "message": message} for title, message in PROMPTS],
            },
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [command],
            "shortcuts": shortcuts,
        },
        "oauth_config": oauth,
        "settings": settings,
    }


def missing_scopes(granted: str) -> list[str]:
    """What a token lacks, given the `x-oauth-scopes` header of any answer; each with its reason."""
    have = {scope.strip() for scope in granted.split(",")}
    return [f"{scope} (to {why})" for scope, why in SCOPES.items() if scope not in have]
