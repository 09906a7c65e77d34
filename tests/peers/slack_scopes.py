"""Which scope each method of the Web API needs, as Slack's reference has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEEDED: Mapping[str, str] = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.startStream": "chat:write",
    "chat.appendStream": "chat:write",
    "chat.stopStream": "chat:write",
    "agents.sessions.setStatus": "chat:write",
    "assistant.threads.setStatus": "chat:write",
    "assistant.threads.setTitle": "assistant:write",
    "assistant.threads.setSuggestedPrompts": "assistant:write",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "files.delete": "files:write",
    "files.info": "files:read",
    "users.info": "users:read",
    "usergroups.list": "usergroups:read",
    "users.conversations": "channels:read",
    "conversations.open": "im:write",
    "conversations.info": "channels:read",
}
HISTORY: Mapping[str, str] = {"C": "channels:history", "G": "groups:history", "D": "im:history"}
"""By the first letter of a channel's id."""


def lacking(method: str, given: Mapping[str, Any], granted: str) -> str | None:
    """The scope that a call needs and a token with `granted` has not."""
    needed = NEEDED.get(method)
    if method in ("conversations.replies", "conversations.history"):
        needed = HISTORY[str(given["channel"])[0]]
    return needed if needed is not None and needed not in granted.split(",") else None
