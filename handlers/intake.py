"""What may come in: checks on a message before anything is stored or asked."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from handlers.english import left_out
from handlers.errors import Moderated, TooLong, UnreadableUpload, UserError
from handlers.limits import Limits
from handlers.model import Attachment, Incoming, Press, Upload
from handlers.moderation.model import Kind, Subject
from handlers.recipes import refined
from handlers.services import Services
from imaging.decoding.pool import Decoders
from imaging.errors import BadPicture

STOP_WORDS = frozenset({"stop", "stop!", "stop.", "/stop", "halt", "stopp", "alto", "arrête", "停", "停止", "стоп"})
LONGEST_FILE_NAME = 80


@dataclass(frozen=True, slots=True)
class Brought:
    """The pictures that came with a message, and a sentence for each one that cannot be taken."""

    uploads: tuple[Upload, ...] = ()
    sentences: tuple[str, ...] = ()
    refused: tuple[Moderated, ...] = ()
    """Why moderation refused some of them."""
    kept: tuple[Attachment, ...] = ()
    """The attachments without those."""


def is_blank(text: str) -> bool:
    """Nothing to read: only spaces, controls and invisible characters (zero-width, direction marks)."""
    return not any(unicodedata.category(char)[0] not in "ZC" for char in text)


def asks_to_stop(text: str) -> bool:
    return text.strip().casefold() in STOP_WORDS


def check(incoming: Incoming, limits: Limits) -> None:
    """Whether a message can be taken as it is.

    Raises:
        TooLong: more characters than the limit.
        UserError: nothing in it.
    """
    if len(incoming.text) > limits.message_chars:
        raise TooLong(
            f"Your message has {len(incoming.text):,} characters; I take up to {limits.message_chars:,}. "
            "Please shorten it."
        )
    if is_blank(incoming.text) and not incoming.attachments:
        raise UserError(" ".join(incoming.problems) or "Your message is empty; say what you would like to see.")


def going_by(press: Press, attachments: tuple[Attachment, ...]) -> Incoming:
    """An edit that goes by pictures is a message: they become numbered pictures of the thread."""
    words = f"{press.text} (an edit of picture #{press.picture}, going by this picture)"
    return Incoming(press.event, press.thread, press.person, words, attachments, press.picture)


async def read_uploads(incoming: Incoming, services: Services) -> Brought:
    """Clean the attached pictures, which are decoded in processes of their own, and have them looked at."""
    attachments, owner = incoming.attachments, incoming.person.account_in(incoming.thread.chat)
    limits, abilities = services.limits, services.pictures.abilities
    if not attachments:
        return Brought()
    uploads: list[Upload] = []
    sentences: list[str] = []
    refused: list[Moderated] = []
    kept = list(attachments)
    for attachment in attachments[: limits.attachments]:
        name = _name(attachment)
        try:
            upload = await _read(name, attachment.data, owner, services.decoders)
            subject = Subject(Kind.UPLOAD, picture=upload.data)
            covered = await services.screen.check(subject, incoming.thread, said=incoming.text)
            largest = refined(upload.width, upload.height, abilities) is None
            uploads.append(replace(upload, spoiler=covered or attachment.covered, largest=largest))
        except UnreadableUpload as error:
            sentences.append(f"{name}: {error}")
        except Moderated as error:
            refused.append(error)
            kept.remove(attachment)
            sentences.append(f"{name}: {error}")
    if left := [_name(attachment) for attachment in attachments[limits.attachments :]]:
        sentences.append(left_out(limits.attachments, left))
    return Brought(tuple(uploads), tuple(sentences), tuple(refused), tuple(kept))


def _name(attachment: Attachment) -> str:
    return " ".join(attachment.name.split())[:LONGEST_FILE_NAME] or "picture"


async def _read(name: str, data: bytes, owner: str, decoders: Decoders) -> Upload:
    try:
        clean = await decoders.read(data, owner=owner)
    except BadPicture as error:
        raise UnreadableUpload(str(error)) from error
    return Upload(name, clean.data, "image/png", clean.width, clean.height)
