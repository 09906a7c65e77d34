"""A page of the gallery as a message: lines with links, the pictures, and the buttons that turn pages."""

from __future__ import annotations

from bot.chats.discord.ids import LIMIT, gallery_id
from bot.chats.discord.outgoing.markup import plain
from bot.chats.discord.outgoing.views import Block, Button, Buttons, Gallery, MessageView, Shown, Words
from handlers.english import alt_text, hung_told, turns, way_on
from handlers.model import GalleryPage, Hung, ThreadKey

MOST = 10
"""Pictures of one gallery."""
LONGEST_ALT = 1000


def gallery_view(page: GalleryPage) -> MessageView:
    hung = page.hung[:MOST]
    lines = [_line(at, one) for at, one in enumerate(hung, start=1)]
    buttons = []
    for label, search in turns(page):
        button = Button(label, gallery_id(search))
        if len(button.id) <= LIMIT:
            buttons.append(button)
        else:
            lines.append(plain(way_on(label, search)))
    blocks: list[Block] = [Words("\n".join(lines)), Gallery(tuple(map(hung_shown, hung)))]
    return MessageView((*blocks, Buttons(tuple(buttons))) if buttons else tuple(blocks))


def hung_name(hung: Hung) -> str:
    """Of its file; no number of a picture, since the message is no answer in which pictures are looked up by it."""
    return f"hung-{hung.place}.png"


def hung_shown(hung: Hung) -> Shown:
    picture = hung.picture
    alt = f"#{picture.number}: {alt_text(picture.description, picture.operation, LONGEST_ALT)}"
    return Shown(hung_name(hung), alt, sha256=picture.sha256, covered=picture.spoiler)


def _line(at: int, hung: Hung) -> str:
    """Ten of them stay below the 4,000 characters of a message."""
    told = " · ".join(map(plain, hung_told(hung)))
    return f"{at}. [#{hung.picture.number}]({link_to(hung)}) {told}"


def link_to(hung: Hung) -> str:
    """Where the picture was posted, else its thread."""
    place = place_of(hung.picture.thread)
    message = (hung.post or "").partition(",")[0]
    server = hung.picture.thread.tenant if hung.picture.thread.has_tenant else "@me"
    return "/".join(filter(None, (f"https://discord.com/channels/{server}/{place}", message)))


def place_of(thread: ThreadKey) -> str:
    """The channel or thread in which its messages stand."""
    return thread.thread if thread.thread.isdecimal() else thread.channel
