"""Words of the model as Slack text: nothing in them can mention, link or format by accident."""

from __future__ import annotations

import re
from collections.abc import Sequence

from handlers import links

SECTION_LIMIT = 3_000
"""Characters of a section's text (Block Kit reference)."""

_BROADCAST = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)
_BROADCAST_OR_LINK = re.compile(rf"<[^<>]*>|{_BROADCAST.pattern}", re.IGNORECASE)
_UNFINISHED = re.compile(
    r"(?:@\w{0,8}|\[[^\]\n]{0,300}\]?|\[[^\[\]\n]{0,300}\]\([^\s()]{0,2000}|h(?:t(?:t(?:ps?(?::/?)?)?)?)?|https?://[^\s/?#]{0,300})\Z",
    re.IGNORECASE,
)
FENCE_OPENS, FENCE_CLOSES = "```\n", "\n```"


def escape(text: str) -> str:
    """`&`, `<` and `>` as entities, which is what Slack asks for; broadcasts lose their power.

    With `<` gone no `<!channel>`, `<@U…>` or `<http…|…>` can be written; a zero-width space after
    the `@` keeps clients from offering a bare `@channel` as a mention.
    """
    escaped = links.plain_addresses(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BROADCAST.sub("@\u200b", escaped)


def without_broadcasts(mrkdwn: str) -> str:
    """Pieces that were escaped apart may make a broadcast together; addresses within links stay as they are."""
    return _BROADCAST_OR_LINK.sub(lambda found: found[0] if found[0] != "@" else "@\u200b", mrkdwn)


def unescape(text: str) -> str:
    """What a person typed, from the text of an event: entities back to characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def neutral_markdown(text: str) -> str:
    """Markdown for `chat.appendStream`: it stays Markdown, but cannot mention, nor link by angle brackets or to
    another place than it says."""
    return _BROADCAST.sub("@\u200b", links.guarded(text).replace("<", "&lt;").replace(">", "&gt;"))


def unfinished(text: str) -> int:
    """How many characters at the end of a growing text wait for what follows: `@chan` may become a mention, and
    `[label](https://` a link, that `neutral_markdown` must see whole."""
    found = _UNFINISHED.search(text)
    return len(text) - found.start() if found else 0


def is_fenced(text: str) -> bool:
    """Whether a code block is open at the end of it."""
    return text.count("```") % 2 == 1


def parted(text: str, cuts: Sequence[int]) -> list[str]:
    """Markdown in pieces that end at the given places (in order, within the text). A code fence that a cut falls
    into is closed there and opened again behind it."""
    pieces: list[str] = []
    opened = False
    for begin, end in zip((0, *cuts), (*cuts, len(text)), strict=True):
        piece = (FENCE_OPENS if opened else "") + text[begin:end]
        opened = is_fenced(piece)
        pieces.append(piece + (FENCE_CLOSES if opened and end < len(text) else ""))
    return pieces


def _cut(text: str, limit: int) -> int:
    """Where to cut `text` so that the first piece has at most `limit` characters: the best place
    in its second half is a paragraph, then a line, then a sentence, then a word."""
    window = text[:limit]
    if window.rfind("<") > max(window.rfind(">"), 0):
        window = window[: window.rfind("<")]  # a link stays whole
    for mark in ("\n\n", "\n", ". ", " "):
        at = window.rfind(mark)
        if at >= limit // 2:
            return at + len(mark)
    at = len(window)
    entity = window.rfind("&", len(window) - 6)
    return entity if entity > 0 and ";" not in window[entity:] else at


def clip(escaped: str, limit: int) -> str:
    """At most `limit` characters of escaped text, never cut inside an entity."""
    if len(escaped) <= limit:
        return escaped
    return escaped[: _cut(escaped, limit - 1)].rstrip() + "…"


def split(text: str, limit: int = SECTION_LIMIT) -> list[str]:
    """Pieces of at most `limit` characters, cut at sensible places; a fence that a cut falls into is
    closed at the end of its piece and opened again in the next. Joined, the words are all there."""
    pieces: list[str] = []
    fenced = False
    rest = text
    while rest.strip():
        prefix = "```\n" if fenced else ""
        room = limit - len(prefix) - 4
        if len(rest) <= room:
            piece, rest = rest, ""
        else:
            at = _cut(rest, room)
            piece, rest = rest[:at], rest[at:]
        fenced_now = fenced ^ (piece.count("```") % 2 == 1)
        body = prefix + piece.rstrip("\n")
        if fenced_now and rest:
            body += "\n```"
        pieces.append(body)
        fenced = fenced_now
    return pieces
