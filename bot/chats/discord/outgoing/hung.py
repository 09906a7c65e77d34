"""A page of the gallery as a message: lines with links, the pictures, and the buttons that turn pages."""

from __future__ import annotations

from bot.chats.discord.ids import LIMIT, gallery_id
from bot.chats.discord.outgoing.markup import plain
from bot.chats.discord.outgoing.views import Block, Button, Buttons, Gallery, MessageView, Shown, Words
from handlers.english import alt_text, beside_hung
from handlers.model import GalleryPage, Hung, ThreadKey
from handlers.presentation import shorten

MOST = 10
"""Pictures of one gallery."""
LONGEST_DESCRIPTION, LONGEST_TITLE, LONGEST_ALT = 110, 60, 1000
"""Characters: ten lines stay below the 4,000 of a message."""


def gallery_view(page: GalleryPage) -> MessageView:
    """A button whose search is too long to be carried by it is left out: the words say how to go on."""
    hung = page.hung[:MOST]
    blocks: list[Block] = [
        Words("\n".join(_line(at, one) for at, one in enumerate(hung, start=1))),
        Gallery(tuple(map(hung_shown, hung))),
    ]
    turns = (("‹ Newer", page.newer), ("Older ›", page.older))
    buttons = [Button(label, gallery_id(search)) for label, search in turns if search]
    buttons = [button for button in buttons if len(button.id) <= LIMIT]
    if buttons:
        blocks.append(Buttons(tuple(buttons)))
    return MessageView(tuple(blocks))


def hung_name(hung: Hung) -> str:
    """Of its file; no number of a picture, since the message is no answer in which pictures are looked up by it."""
    return f"hung-{hung.place}.png"


def hung_shown(hung: Hung) -> Shown:
    picture = hung.picture
    alt = f"#{picture.number}: {alt_text(picture.description, picture.operation, LONGEST_ALT)}"
    return Shown(hung_name(hung), alt, sha256=picture.sha256, covered=picture.spoiler)


def _line(at: int, hung: Hung) -> str:
    picture = hung.picture
    told = [plain(shorten(picture.description, LONGEST_DESCRIPTION)), plain(beside_hung(hung))]
    if hung.title:
        told.append(f"“{plain(shorten(hung.title, LONGEST_TITLE))}”")
    return f"{at}. [#{picture.number}]({link_to(hung)}) {' · '.join(told)}"


def link_to(hung: Hung) -> str:
    """Where the picture was posted, else its thread."""
    place = place_of(hung.picture.thread)
    message = (hung.post or "").partition(",")[0]
    server = hung.picture.thread.tenant if hung.picture.thread.has_tenant else "@me"
    return "/".join(filter(None, (f"https://discord.com/channels/{server}/{place}", message)))


def place_of(thread: ThreadKey) -> str:
    """The channel or thread in which its messages stand."""
    return thread.thread if thread.thread.isdecimal() else thread.channel
