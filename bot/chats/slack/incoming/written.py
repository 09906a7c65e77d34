"""What a person wrote, from how Slack sends it: `<…>` becomes what stood there, and what they shared is read too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.chats.slack.outgoing import markup

Payload = Mapping[str, Any]
_TOKEN = re.compile(r"<([^<>\n]{1,4000})>")
_PERSON = re.compile(r"<@([A-Z0-9]{2,20})(?:\|[^<>\n]{0,80})?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]{2,20})\|?>")
_ADDRESS = re.compile(r"(?:mailto|tel|https?):(?://)?", re.IGNORECASE)
SHARES = ("is_share", "is_msg_unfurl", "is_reply_unfurl")
"""How Slack marks an attachment that is somebody's message; others are previews of what is linked."""


def mentioned_people(text: str, bot_user: str) -> list[str]:
    """Ids of the people that a message names, besides the bot; each once, in order."""
    return list(dict.fromkeys(found[1] for found in _PERSON.finditer(text) if found[1] != bot_user))


def mentioned_channels(text: str) -> list[str]:
    """Ids of the channels that a message names and whose names Slack left out; each once, in order."""
    return list(dict.fromkeys(found[1] for found in _CHANNEL.finditer(text)))


def clean_text(text: str, bot_user: str, names: Mapping[str, str] | None = None) -> str:
    """What the person meant: without the mention of the bot, names, links and entities as plain characters.

    Args:
        names: Of people and channels by their ids, as far as they are known.
    """
    known = names or {}
    if bot_user:
        text = re.sub(rf"<@{re.escape(bot_user)}(?:\|[^<>\n]*)?> ?", "", text)
    return markup.unescape(_TOKEN.sub(lambda found: _meant(found[1], known), text)).strip()


def _meant(inside: str, names: Mapping[str, str]) -> str:
    what, _, label = inside.partition("|")
    match what[:1]:
        case "@":
            return f"@{names.get(what[1:]) or label or what[1:]}"
        case "#":
            return f"#{label or names.get(what[1:]) or 'channel'}"
        case "!":
            return _special(what[1:], label)
        case _:
            return _link(what, label)


def _special(what: str, label: str) -> str:
    name, _, more = what.partition("^")
    if name == "subteam":
        return label or "@group"
    if name == "date":
        return label or _moment(more.partition("^")[0])
    return f"@{name}"  # here, channel, everyone


def _moment(seconds: str) -> str:
    try:
        return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return seconds


def _link(address: str, label: str) -> str:
    """An address that was typed comes with itself as its label; a link with words of its own keeps both."""
    plain = _ADDRESS.sub("", address, count=1) if not address.startswith(("http:", "https:")) else address
    if not label:
        return plain
    return label if _bare(label) == _bare(address) else f"{label} ({plain})"


def _bare(address: str) -> str:
    """To compare by: without scheme, final slash, spaces and case."""
    return "".join(_ADDRESS.sub("", address, count=1).split()).rstrip("/").casefold()


def named_in(event: Payload) -> set[str] | None:
    """Ids of the people whom the rich text of a message mentions; None where it has none."""
    blocks = [block for block in _mappings(event.get("blocks")) if block.get("type") == "rich_text"]
    if not blocks:
        return None
    return {str(element.get("user_id")) for element in _elements(blocks) if element.get("type") == "user"}


def _elements(blocks: Sequence[Payload], depth: int = 12) -> Iterator[Payload]:
    for block in blocks if depth else ():
        yield block
        yield from _elements(_mappings(block.get("elements")), depth - 1)


# What was shared


def shared(event: Payload) -> list[Payload]:
    """The messages of others that a message shares: Slack leaves its own text and files empty then."""
    return [a for a in _mappings(event.get("attachments")) if any(a.get(mark) is True for mark in SHARES)]


def text_of(event: Payload) -> str:
    """Its own text, and behind it what it shares, still as Slack writes it."""
    own = event.get("text")
    texts = [own if isinstance(own, str) else ""]
    for message in shared(event):
        said = message.get("text") or "\n".join(_words(message.get("message_blocks"))) or message.get("fallback")
        author = message.get("author_name") or message.get("author_subname")
        if isinstance(said, str) and said.strip():
            texts.append(f"Forwarded message{f' of {author}' if isinstance(author, str) else ''}: {said}")
    return "\n\n".join(filter(None, texts))


def files_of(event: Payload) -> tuple[Payload, ...]:
    """Its own files and those of what it shares, each once."""
    found = [
        *_mappings(event.get("files")),
        *(file for share in shared(event) for file in _mappings(share.get("files"))),
    ]
    return tuple({str(file.get("id") or at): file for at, file in enumerate(found)}.values())


def _mappings(value: Any) -> list[Payload]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def _words(value: Any, depth: int = 12) -> Iterator[str]:
    """The texts within blocks, however they are nested; a rich text's section is one line."""
    if depth == 0:
        return
    for item in _mappings(value) if not isinstance(value, Mapping) else [value]:
        if item.get("type") == "rich_text_section":
            yield "".join(_piece(element) for element in _mappings(item.get("elements")))
            continue
        text = item.get("text")
        if isinstance(text, str):
            yield text
        for inside in (text, item.get("message"), item.get("blocks"), item.get("elements")):
            if not isinstance(inside, str):
                yield from _words(inside, depth - 1)


def _piece(element: Payload) -> str:
    match element.get("type"):
        case "user":
            return f"<@{element.get('user_id')}>"
        case "channel":
            return f"<#{element.get('channel_id')}>"
        case "emoji":
            return f":{element.get('name')}:"
        case "link":
            return str(element.get("text") or element.get("url") or "")
        case _:
            text = element.get("text")
            return text if isinstance(text, str) else ""
