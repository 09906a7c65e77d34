"""The app manifest, generated from the tables that the code uses: what Slack is told is what we do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from bot.chats.slack.ids import COMMAND
from handlers.model import CommandSpec

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "hear when somebody mentions the bot",
    "assistant:write": "show a status and suggestions in the agent view",
    "channels:history": "hear the messages of its own threads in public channels",
    "channels:read": "know whether who writes directly is in an allowed channel, and how channels are called",
    "groups:history": "hear the messages of its own threads in private channels",
    "groups:read": "the same of private channels",
    "im:history": "hear direct messages",
    "mpim:history": "hear the messages of its own threads in group messages",
    "chat:write": "answer",
    "commands": "offer /easel and the shortcuts",
    "files:read": "look at reference pictures that people send",
    "files:write": "post pictures",
    "reactions:read": "count votes",
    "usergroups:read": "know who is in a user group that /easel access names",
    "users:read": "call people by their names and know admins",
}
"""Each bot scope, and why; docs/slack.md is checked against it."""

EVENTS: Mapping[str, str] = {
    "app_mention": "a mention starts a thread",
    "message.channels": "every message in its threads is a turn",
    "message.groups": "the same in private channels",
    "message.im": "direct messages and the agent view",
    "message.mpim": "the same in group messages",
    "app_home_opened": "show the home page, and suggestions in the agent view",
    "agent_session_stopped": "Slack's own Stop button",
    "app_uninstalled": "forget a workspace's tokens",
    "tokens_revoked": "forget revoked tokens",
    "reaction_added": "count votes",
    "reaction_removed": "count votes",
}
ASSISTANT_EVENTS: Mapping[str, str] = {
    "assistant_thread_started": "suggestions in the older assistant view",
    "assistant_thread_context_changed": "the older assistant view sends it; nothing is done with it",
}
"""Slack takes these from apps with the older assistant view only."""

LONGEST_NAME = 35
"""Of an app, in characters."""
EDIT, REFERENCE, NEW = "easel.shortcut.edit", "easel.shortcut.reference", "easel.shortcut.new"
SHORTCUTS = (
    (EDIT, "Edit this picture", "message", "Change a picture of this message"),
    (REFERENCE, "Use as reference", "message", "Take this message's picture into the thread"),
    (NEW, "New picture", "global", "Describe a picture to draw"),
)
PROMPTS_TITLE = "What shall I draw?"
PROMPTS = (
    ("Logo ideas", "Three different logo ideas for a small bakery"),
    ("A sticker", "A cheerful fox sticker"),
    ("A short story", "A story of a lighthouse keeper in three pictures"),
)
"""Suggested prompts of the agent view."""
DESCRIPTION = "Draws what you describe, and changes it as you talk."


class View(StrEnum):
    """How Slack shows conversations with the app."""

    AGENT = "agent"
    ASSISTANT = "assistant"
    """The older one, for apps that have it: Slack has no way back from the agent view."""


def manifest(
    commands: Sequence[CommandSpec], *, name: str = "Easel", request_url: str | None = None, view: View = View.AGENT
) -> dict[str, Any]:
    """The manifest for api.slack.com/apps → Create New App → From a manifest.

    Without `request_url` it is for Socket Mode; with it, `request_url` is the public https address of
    this program, and events, interactivity and OAuth point to its `/slack/…` paths.
    """
    events = EVENTS if view is View.AGENT else {**EVENTS, **ASSISTANT_EVENTS}
    settings: dict[str, Any] = {
        "event_subscriptions": {"bot_events": sorted(events)},
        "interactivity": {"is_enabled": True},
        "org_deploy_enabled": False,
        "socket_mode_enabled": request_url is None,
        "token_rotation_enabled": False,
    }
    features = _features(commands, name, view)
    oauth: dict[str, Any] = {"scopes": {"bot": sorted(SCOPES)}}
    if request_url is not None:
        base = request_url.rstrip("/")
        for takes in (features["slash_commands"][0], settings["event_subscriptions"], settings["interactivity"]):
            takes["url" if "command" in takes else "request_url"] = f"{base}/slack/events"
        settings["token_rotation_enabled"] = True
        oauth["redirect_urls"] = [f"{base}/slack/oauth_redirect"]
    return {
        "display_information": {
            "name": name,
            "description": "Talk, and pictures appear (made with AI)",
            "background_color": "#2b2d42",
        },
        "features": features,
        "oauth_config": oauth,
        "settings": settings,
    }


def _features(commands: Sequence[CommandSpec], name: str, view: View) -> dict[str, Any]:
    prompts = [{"title": title, "message": message} for title, message in PROMPTS]
    described = "agent_description" if view is View.AGENT else "assistant_description"
    return {
        f"{view}_view": {described: DESCRIPTION, "suggested_prompts": prompts},
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": name, "always_online": True},
        "slash_commands": [
            {
                "command": COMMAND,
                "description": "Draw, see and manage pictures",
                "usage_hint": "|".join(spec.name for spec in commands)[:1_000],
                "should_escape": True,
            }
        ],
        "shortcuts": [
            {"callback_id": callback, "name": label, "type": kind, "description": summary}
            for callback, label, kind, summary in SHORTCUTS
        ],
    }


def missing_scopes(granted: str) -> list[str]:
    """What a token lacks, given the `x-oauth-scopes` header of any answer; each with its reason."""
    have = {scope.strip() for scope in granted.split(",")}
    return [f"{scope} (to {why})" for scope, why in SCOPES.items() if scope not in have]
