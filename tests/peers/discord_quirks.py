"""Recorded quirks of Discord: what it really sends, and what must come of it. A newcomer adds a row.

Each was met by somebody with another bot: discord.py, disnake, discord.js and Discord's own tracker tell of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.peers import discord_shapes as shapes
from tests.peers.discord_peer import BEN, BOT, CHANNEL, DiscordPeer, Json


@dataclass(frozen=True, slots=True)
class Said:
    """A message in a thread of the bot's own. `heard`: the text that must arrive; None: it is no wish.

    `more` makes the rest of the message, with the peer at hand (files are on its CDN).
    """

    name: str
    text: str
    heard: str | None
    more: Callable[[DiscordPeer], Json] = lambda _: {}
    pictures: tuple[str, ...] = ()
    problem: str = ""
    """Words of a sentence about what cannot be taken."""


@dataclass(frozen=True, slots=True)
class Refused:
    """How Discord refuses to open a thread."""

    name: str
    status: int
    code: int
    body: Json = field(default_factory=dict)


def _forwards(text: str = "", **more: Any) -> Json:
    return shapes.forward(shapes.message("6000", "3999", shapes.person(BEN, "ben"), text) | more)


def _file(peer: DiscordPeer, name: str, **more: Any) -> Json:
    return peer.attach(name, b"\x89PNG " + name.encode()) | {"content_type": "image/png"} | more


_WORDS_OF_A_BOT = [{"type": 17, "components": [{"type": 10, "content": "a blue boat"}, {"type": 1, "components": []}]}]
SAID = (
    Said("a forwarded text", "", "Forwarded message: a red fox", lambda _: _forwards("a red fox")),
    Said("a forwarded picture", "", "", lambda peer: _forwards(attachments=[_file(peer, "cat.png")]), ("cat.png",)),
    Said("a forwarded answer of a bot, made of components", "", "Forwarded message: a blue boat",
         lambda _: _forwards(flags=1 << 15, components=_WORDS_OF_A_BOT)),
    Said("a forwarded mention of the bot and of others", "", "Forwarded message: and @someone in #channel",
         lambda _: _forwards(f"<@{BOT}> and <@777> in <#888>")),
    Said("a component of a kind that nobody knows", "a red fox", "a red fox",
         lambda _: {"components": [{"type": 99, "children": 1}]}),
    Said("a timestamp", "a poster for <t:1767225600:R>", "a poster for 2026-01-01 00:00 UTC"),
    Said("a timestamp beyond the calendar", "<t:999999999999>", "999999999999"),
    Said("a command that is mentioned", "what does </imagine:123> do?", "what does /imagine do?"),
    Said("a channel that the bot does not see", "as in <#999>", "as in #channel"),
    Said("a channel that it sees", f"as in <#{CHANNEL}>", "as in #ideas"),
    Said("somebody who is not among the mentions", "for <@!777>", "for @someone"),
    Said("an animated emoji of a server", "a fox <a:party:123>", "a fox :party:"),
    Said("a hidden picture, by its flag", "this", "this",
         lambda peer: {"attachments": [_file(peer, "cat.png", flags=1 << 3)]}, ("cat.png",)),
    Said("a hidden picture, by its name", "this", "this",
         lambda peer: {"attachments": [_file(peer, "SPOILER_cat.png")]}, ("cat.png",)),
    Said("a picture without a kind", "this", "this",
         lambda peer: {"attachments": [_file(peer, "cat.jfif", content_type=None)]}, ("cat.jfif",)),
    Said("a voice message", "", "",
         lambda peer: {"flags": 1 << 13, "attachments": [_file(peer, "voice-message.ogg", content_type="audio/ogg",
                                                                 duration_secs=2.0, waveform="AA==")]},
         problem="voice-message.ogg is no picture"),
    Said("a pin", "", None, lambda _: {"type": 6}),
    Said("somebody joined", "", None, lambda _: {"type": 7}),
    Said("a thread's name was changed", "a red fox", None, lambda _: {"type": 4}),
    Said("a thread was opened", "a red fox", None, lambda _: {"type": 18}),
    Said("the result of a poll", "", None, lambda _: {"type": 46}),
    Said("an alert of AutoMod", "a red fox", None, lambda _: {"type": 24}),
    Said("a kind of message that nobody knows", "a red fox", None, lambda _: {"type": 99}),
    Said("a webhook", "a red fox", None, lambda _: {"webhook_id": "12"}),
)  # fmt: skip
REFUSED = (
    Refused("a title that AutoMod blocks", 400, 200001),
    Refused("words that AutoMod blocks", 400, 200000),
    Refused(
        "a title that is no title", 400, 50035, {"errors": {"name": {"_errors": [{"code": "BASE_TYPE_REQUIRED"}]}}}
    ),
    Refused("too many threads", 400, 160006),
    Refused("too many announcement threads", 400, 160007),
    Refused("a channel that has none", 400, 50024),
    Refused("no permission", 403, 50013),
    Refused("no access", 403, 50001),
    Refused("verification that the bot lacks", 403, 0),
)
