"""Discord's shapes and limits as the peer knows them: people, servers, channels, requests and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

APP, BOT, GUILD, CHANNEL, DIRECT = "1000", "1000", "2000", "3000", "5000"
ANN, BEN, CLEO = "4000", "4001", "4002"
"""Of the application, its bot, one server, its text channel, two people, and Ann's direct messages."""
COMPONENTS_V2 = 1 << 15
EVERYTHING = (1 << 50) - 1
Json = dict[str, Any]


def person(id: str, name: str, *, bot: bool = False) -> Json:
    return {"id": id, "username": name, "global_name": name.title(), "discriminator": "0", "avatar": None, "bot": bot}


def member() -> Json:
    return {"roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}


def message(id: str, channel: str, author: Json, content: str) -> Json:
    return {
        "id": id, "channel_id": channel, "author": author, "content": content, "type": 0, "flags": 0,
        "timestamp": datetime.now(UTC).isoformat(), "edited_timestamp": None, "tts": False, "pinned": False,
        "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
        "components": [],
    }  # fmt: skip


def forward(of: Json, *, guild: str | None = GUILD) -> Json:
    """What a message has more when it forwards another one; its own text and files are empty."""
    kept = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "mentions",
            "mention_roles", "components")  # fmt: skip
    about = {"type": 1, "channel_id": of["channel_id"], "message_id": of["id"]}
    return {
        "flags": 1 << 14, "message_reference": about | ({"guild_id": guild} if guild else {}),
        "message_snapshots": [{"message": {name: of[name] for name in kept}}],
    }  # fmt: skip


def text_channel(id: str, guild: str) -> Json:
    return {
        "id": id, "guild_id": guild, "type": 0, "name": "ideas", "position": 0, "permission_overwrites": [],
        "nsfw": False, "rate_limit_per_user": 0, "topic": None, "parent_id": None, "last_message_id": None,
    }  # fmt: skip


def direct_channel(id: str, with_whom: Json) -> Json:
    return {"id": id, "type": 1, "last_message_id": None, "recipients": [with_whom]}


def thread(id: str, parent: str, guild: str, name: str) -> Json:
    now = datetime.now(UTC).isoformat()
    return {
        "id": id, "guild_id": guild, "parent_id": parent, "owner_id": BOT, "type": 11, "name": name,
        "message_count": 0, "member_count": 1, "last_message_id": None, "rate_limit_per_user": 0, "flags": 0,
        "total_message_sent": 0,
        "thread_metadata": {"archived": False, "auto_archive_duration": 1440, "archive_timestamp": now,
                            "locked": False, "create_timestamp": now},
    }  # fmt: skip


def guild(id: str, name: str, permissions: int, channels: list[Json], threads: list[Json]) -> Json:
    everyone = {
        "id": id, "name": "@everyone", "permissions": str(permissions), "position": 0, "color": 0,
        "hoist": False, "managed": False, "mentionable": False,
    }  # fmt: skip
    own = everyone | {"id": f"{id}1", "name": "easel", "position": 1, "managed": True, "tags": {"bot_id": BOT}}
    me = member() | {"user": person(BOT, "easel", bot=True), "roles": [own["id"]]}
    return {
        "id": id, "name": name, "owner_id": ANN, "roles": [everyone, own], "channels": channels, "members": [me],
        "threads": threads, "emojis": [], "stickers": [], "features": [], "presences": [], "voice_states": [],
        "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [], "member_count": 2,
        "large": False, "premium_tier": 0, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "mfa_level": 0, "afk_timeout": 0, "nsfw_level": 0,
        "preferred_locale": "en-US", "system_channel_flags": 0, "unavailable": False,
    }  # fmt: skip


def outward(data: Any) -> Any:
    """As Discord tells it: a message with components lists no attachment that they show; they have its address."""
    if isinstance(data, list):
        return [outward(item) for item in data]
    if not isinstance(data, dict):
        return data
    told = {name: outward(value) for name, value in data.items()}
    if data.get("components") and isinstance(data.get("attachments"), list):
        files = {f"attachment://{file['filename']}": file for file in data["attachments"]}
        shown = [found for media in _media(told["components"]) if (found := _resolve(media, files)) is not None]
        told["attachments"] = [file for file in told["attachments"] if file["id"] not in shown]
    return told


def _media(components: list[Json]) -> Iterator[Json]:
    for component in walk(components):
        items = [component, *component.get("items", [])]
        yield from (item[name] for item in items for name in ("media", "file") if isinstance(item.get(name), dict))


def _resolve(media: Json, files: dict[str, Json]) -> str | None:
    """Put the address of an attachment where its name stood; its id."""
    file = files.get(media["url"])
    if file is None:
        return None
    signed = f"{file['url']}?ex=67f0&is=67ef&hm=abc&"
    media |= {"url": signed, "proxy_url": signed, "attachment_id": file["id"], "content_type": "image/png", "flags": 0}
    return str(file["id"])


def as_json(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Exactly `application/json`: with a charset behind it discord.py sees text."""
    return web.Response(
        body=json.dumps(outward(data)).encode(), status=status, headers=headers, content_type="application/json"
    )


def refuse(status: int, code: int, message: str) -> web.Response:
    return as_json({"code": code, "message": message}, status=status)


async def body_of(request: web.Request) -> tuple[Json, dict[str, tuple[str, bytes]]]:
    """The JSON of a request and its files by number."""
    if request.content_type != "multipart/form-data":
        return await request.json(), {}
    body: Json = {}
    files = {}
    async for part in await request.multipart():
        assert isinstance(part, aiohttp.BodyPartReader)
        if part.name == "payload_json":
            body = json.loads(await part.text())
        else:
            number = str(part.name).removeprefix("files[").removesuffix("]")
            files[number] = part.filename or "file", bytes(await part.read())
    return body, files


def invalid(body: Json) -> str | None:
    """What Discord would refuse about a message with components."""
    components = body.get("components") or []
    if not (body.get("flags") or 0) & COMPONENTS_V2:
        return "content too long" if len(body.get("content") or "") > 2000 else None
    every = list(walk(components))
    if body.get("content") or body.get("embeds"):
        return "components v2 come without content and embeds"
    if len(every) > 40:
        return "more than 40 components"
    if sum(len(component.get("content", "")) for component in every) > 4000:
        return "more than 4000 characters"
    ids = [component["custom_id"] for component in every if "custom_id" in component]
    return "duplicate custom_id" if len(ids) != len(set(ids)) else None


def walk(components: list[Json]) -> Iterator[Json]:
    for component in components:
        yield component
        yield from walk(component.get("components", []))
