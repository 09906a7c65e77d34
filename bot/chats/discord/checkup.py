"""What doctor asks of Discord: is the token good, what is switched off, and what does each server withhold?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.platforms import ids
from bot.questions import ask
from bot.settings import Settings
from imaging.findings import Finding, broken, ok, warning

MESSAGE_CONTENT = 1 << 18 | 1 << 19
"""Application flags: the privileged intent, granted (above 100 servers) or switched on."""
MAX_NAMED = 5
"""Servers that are named one by one."""
_TOKEN = re.compile(r"[\w-]{18,}\.[\w-]{4,}\.[\w-]{20,}")


async def examine(settings: Settings) -> list[Finding]:
    """Ask Discord who the token is, whether the message content intent is on, and what the servers grant."""
    base = settings.discord_api_base.rstrip("/")
    token = settings.discord_token.get_secret_value()
    headers = {"Authorization": f"Bot {token}"}
    if base == str(Settings.model_fields["discord_api_base"].default) and not _TOKEN.fullmatch(token):
        # Whatever secret it is, it is none of Discord's business.
        return [broken("discord", "EASEL_DISCORD_TOKEN has not the shape of a bot token; copy it again (Bot page)")]
    try:
        status, app, _ = await ask("GET", f"{base}/oauth2/applications/@me", headers)
        if status == 401:
            sentence = "Discord refuses EASEL_DISCORD_TOKEN; reset it on the Bot page and copy it again"
            return [broken("discord", sentence)]
        if status != 200 or not isinstance(app, Mapping) or not str(app.get("id", "")).isdigit():
            return [
                warning("discord", f"Discord answers {status} to a question about the application; try again later")
            ]
        _, servers, _ = await ask("GET", f"{base}/users/@me/guilds?limit=200", headers)
        allowed = ids(settings.discord_servers_allowed)
        found = [_application(app), *_uninvited(app, servers, allowed), *_servers(servers, int(app["id"]))]
        return found + await _scopes(base, headers, int(app["id"]), servers)
    except OSError as error:
        return [warning("discord", f"{base} cannot be reached ({error}); check the network or EASEL_DISCORD_API_BASE")]


def _application(app: Mapping[str, Any]) -> Finding:
    name, flags = app.get("name", "the application"), app.get("flags", 0)
    if isinstance(flags, int) and flags & MESSAGE_CONTENT:
        return ok("discord", f"the token is good: {name}")
    return warning(
        "discord",
        f"{name}: the Message Content Intent is off; switch it on (Bot page), or only mentions and commands work",
    )


def _uninvited(app: Mapping[str, Any], servers: Any, allowed: frozenset[str]) -> list[Finding]:
    """Servers of others, at the host's cost."""
    if not allowed:
        way = "switch it off (Bot page), or name yours in EASEL_DISCORD_SERVERS_ALLOWED"
        sentence = f"Public Bot is on, so anybody may add it to their server and you pay; {way}"
        return [warning("discord", sentence)] if app.get("bot_public") is True else []
    strange = [str(row.get("name")) for row in _rows(servers) if str(row["id"]) not in allowed]
    if not strange:
        return []
    named = ", ".join(strange[:MAX_NAMED]) + (" …" if len(strange) > MAX_NAMED else "")
    return [warning("discord", f"EASEL_DISCORD_SERVERS_ALLOWED does not name {named}: it does nothing there")]


def _servers(servers: Any, application: int) -> list[Finding]:
    """What the bot's role lacks where; single channels can withhold more."""
    import discord

    from bot.chats.discord.health import invite_link, lacking

    rows = _rows(servers)
    if not rows:
        return [ok("discord", f"it is in no server yet; invite it with {invite_link(application)}")]
    found = []
    for row in rows:
        missing = lacking(discord.Permissions(int(row.get("permissions", 0))))
        if missing:
            found.append(f"in the server {row.get('name')} it lacks: {', '.join(missing)}; an admin can grant it")
    told = [warning("discord", f"{sentence} to its role") for sentence in found[:MAX_NAMED]]
    if len(found) > MAX_NAMED:
        told.append(warning("discord", f"{len(found) - MAX_NAMED} more servers withhold a permission"))
    return told or [ok("discord", f"{len(rows)} server(s) grant every permission; invite it elsewhere with "
                                  f"{invite_link(application)}")]  # fmt: skip


async def _scopes(base: str, headers: dict[str, str], application: int, servers: Any) -> list[Finding]:
    """Servers that the bot was invited to without its commands."""
    from bot.chats.discord.health import no_commands

    rows = _rows(servers)[:MAX_NAMED]
    address = f"{base}/applications/{application}/guilds"
    answers = await asyncio.gather(*(ask("GET", f"{address}/{row['id']}/commands", headers) for row in rows))
    return [
        warning("discord", no_commands(str(row.get("name")), application))
        for row, (status, _, _) in zip(rows, answers, strict=True)
        if status == 403
    ]


def _rows(servers: Any) -> Sequence[Mapping[str, Any]]:
    rows = servers if isinstance(servers, list) else []
    return [row for row in rows if isinstance(row, Mapping) and str(row.get("id", "")).isdigit()]
