"""A page of the gallery in blocks: one sheet of its pictures, lines with links, and the buttons that turn pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.chats.slack.outgoing import markup
from bot.chats.slack.outgoing.blocks import Block, plain, section
from handlers.english import Sentence, hung_told, turns
from handlers.model import GalleryPage, Hung

PREFIX = "easel.gallery."
"""Of the ids of its buttons; their value is the search."""
LONGEST_VALUE = 2_000
"""Characters; no search is so long (`handlers.search.LONGEST`)."""


def on_sheet(page: GalleryPage) -> dict[int, Hung]:
    """What a sheet can show, by its line on the page: Slack cannot cover a picture."""
    return {at: hung for at, hung in enumerate(page.hung, 1) if not hung.picture.spoiler}


def gallery_blocks(page: GalleryPage, links: Mapping[int, str], sheet: Mapping[str, Any] | None) -> list[Block]:
    """`links` go to the pictures, by their places in the gallery; `sheet` is the file with them."""
    blocks: list[Block] = []
    if sheet is not None:
        blocks.append({"type": "image", "block_id": "gallery", **sheet})
    lines = [_line(at, hung, links.get(hung.place)) for at, hung in enumerate(page.hung, 1)]
    blocks += [section(piece) for piece in markup.split("\n".join(lines))]
    buttons = [
        {"type": "button", "action_id": f"{PREFIX}{at}", "text": plain(label), "value": search}
        for at, (label, search) in enumerate(turns(page))
        if len(search) <= LONGEST_VALUE
    ]
    return [*blocks, {"type": "actions", "block_id": "gallery.turn", "elements": buttons}] if buttons else blocks


def alt_of(pictures: Sequence[Hung]) -> str:
    return "; ".join(hung.picture.description for hung in pictures)


def _line(at: int, hung: Hung, link: str | None) -> str:
    name = f"#{hung.picture.number}"
    covered = (str(Sentence.COVERED),) if hung.picture.spoiler else ()
    return " · ".join(
        (f"*{at}.* " + (f"<{link}|{name}>" if link else name), *map(markup.escape, hung_told(hung)), *covered)
    )
