"""A session as one zip: pictures, recipes, transcript, and a page that needs nothing else.

`handlers.export.documents` makes other formats of what is collected here.
"""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources

from handlers.english import Sentence, alt_text, round_lines
from handlers.errors import PictureGone
from handlers.export.cards import MARKS, Card, card
from handlers.links import guarded
from handlers.model import (
    NoticePart,
    Picture,
    PicturePart,
    ReplyPart,
    Role,
    SelectPart,
    SlotState,
    Tally,
    TextPart,
    ThreadKey,
    Turn,
)
from handlers.ports import Marking, Store
from handlers.recipe_text import recipe_text
from handlers.round import Card as Idea
from handlers.round import RoundPart
from handlers.unnamed import is_anonymous, picture_without, turn_without, unnamed

UNTITLED = "Easel session"
EXTENSIONS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of a thread, without its pictures' files."""

    turns: Sequence[Turn]
    pictures: Sequence[Picture]
    """By number."""
    title: str = UNTITLED
    votes: Mapping[int, Tally] = field(default_factory=dict)
    ideas: Mapping[int, Idea] = field(default_factory=dict)
    """What pictures are in brainstorms, as it stood last, by number."""
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


async def export_session(
    store: Store, marking: Marking, thread: ThreadKey, *, most: int = 500, names: bool = True
) -> bytes:
    """The zip's bytes. A picture whose file is gone is left out of the files, not of the transcript."""
    return await asyncio.to_thread(bundle, *await collect(store, marking, thread, most=most, names=names))


async def collect_words(store: Store, thread: ThreadKey, *, most: int, names: bool = True) -> Content:
    """All turns, and the newest pictures. Without `names`, and where a brainstorm was anonymous, nobody is called
    by theirs."""
    turns, pictures = await store.turns(thread), await store.gallery(thread, limit=most)
    title = await store.title(thread) or UNTITLED
    if not names or is_anonymous(turns):
        hidden = unnamed(turns)
        turns = [turn_without(turn, hidden) for turn in turns]
        pictures = [picture_without(picture, hidden) for picture in pictures]
        title = hidden.without(title)
    rounds = [part for turn in turns for part in turn.parts if isinstance(part, RoundPart)]
    ideas = {idea.picture: idea for part in rounds for idea in part.cards}
    return Content(turns, pictures, title, await store.votes(thread), ideas)


async def collect(
    store: Store, marking: Marking, thread: ThreadKey, *, most: int, names: bool = True
) -> tuple[Content, dict[int, bytes]]:
    """The same, and marked copies of the pictures whose files are there, by number."""
    content = await collect_words(store, thread, most=most, names=names)
    files: dict[int, bytes] = {}
    for picture in content.pictures:
        try:
            files[picture.number] = await marking.copy(picture.sha256)
        except PictureGone:
            continue
    return content, files


def bundle(content: Content, files: dict[int, bytes]) -> bytes:
    """Everything in one zip."""
    found = {f"pictures/{file_name(p)}": files[p.number] for p in content.pictures if p.number in files}
    return zipped(found | page_and_words(content, files, recipes_of=content.pictures))


def page_and_words(content: Content, files: dict[int, bytes], *, recipes_of: Sequence[Picture]) -> dict[str, bytes]:
    """Recipes, transcript and page by path; `content` and `files` are what the page shows."""
    recipes = {
        f"recipes/{p.number}.json": json.dumps(p.recipe.to_json(), ensure_ascii=False, indent=2)
        for p in recipes_of
        if p.recipe is not None
    }
    words = recipes | {"transcript.md": transcript(content.turns), "index.html": page(content, files)}
    return {path: text.encode("utf-8", "replace") for path, text in words.items()}


def zipped(entries: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in entries.items():
            # Pictures are compressed already.
            archive.writestr(path, data, zipfile.ZIP_STORED if path.startswith("pictures/") else None)
    return out.getvalue()


def file_name(picture: Picture) -> str:
    return f"{picture.number}.{EXTENSIONS.get(picture.media_type, 'png')}"


def transcript(turns: Sequence[Turn]) -> str:
    """The conversation as Markdown, as people saw it."""
    blocks = []
    for turn in turns:
        who = turn.person.name if turn.role is Role.USER and turn.person else "Easel"
        said = [turn.text] if turn.role is Role.USER else []
        said += [_in_words(part) for part in turn.parts]
        blocks.append(f"**{who}** ({turn.created:%Y-%m-%d %H:%M} UTC)\n\n" + "\n\n".join(filter(None, said)))
    return guarded("\n\n---\n\n".join(blocks) + "\n")


def _in_words(part: ReplyPart) -> str:
    match part:
        case TextPart(text):
            return text.strip()
        case NoticePart(sentence):
            return f"*{sentence}*"
        case SelectPart(number, _):
            return f"*Picture {number} is the current one.*"
        case PicturePart(state=SlotState.READY):
            return f"[Picture {part.number}: {part.description}]"
        case RoundPart():
            return "\n".join(f"*{line}*" for line in round_lines(part))
        case PicturePart():
            return f"*Picture {part.number} was not made: {part.sentence or 'cancelled'}*"


def page(content: Content, files: dict[int, bytes]) -> str:
    """One HTML page with everything inside: the family tree, then the conversation."""

    def image(picture: Picture) -> str | None:
        data = files.get(picture.number)
        return None if data is None else data_uri(picture.media_type, data)

    return "".join(page_parts(content, image))


def page_parts(content: Content, image: Callable[[Picture], str | None]) -> Iterator[str]:
    """The same piece by piece, so that nobody has to hold all pictures at once.

    Args:
        image: A picture's address; None where its file is gone.
    """
    style = resources.files("handlers.export").joinpath("page.css").read_text("utf-8")
    title = html.escape(content.title)
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        # Nothing is fetched and nothing runs, whatever people wrote.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f'<title>{title}</title><meta name="viewport" content="width=device-width"><style>{style}</style></head><body>'
        f'<h1 dir="auto">{title}</h1><p>{MARKS}</p><h2>Pictures</h2>'
    )
    yield from tree(
        content.pictures,
        lambda p: _figure(p, image(p), card(p, content.votes.get(p.number), content.ideas.get(p.number))),
    )
    yield "<h2>Conversation</h2>"
    for turn in content.turns:
        yield _turn(turn)
    yield "</body></html>\n"


def data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def tree(pictures: Sequence[Picture], figure: Callable[[Picture], str]) -> Iterator[str]:
    """Nested lists; a picture whose parent is gone begins a branch of its own."""
    shown = {picture.number: picture for picture in pictures}
    children: dict[int | None, list[int]] = {}
    for picture in pictures:
        parent = next((number for number in picture.parents if number in shown), None)
        children.setdefault(parent, []).append(picture.number)
    pending: list[str | int] = ["</ul>", *reversed(children.get(None, ())), '<ul class="tree">']
    while pending:  # no recursion: a chain of edits can be as long as the thread
        item = pending.pop()
        if isinstance(item, str):
            yield item
            continue
        yield f"<li>{figure(shown[item])}"
        below = children.get(item, [])
        pending += ["</li>"]
        if below:
            pending += ["</ul>", *reversed(below), "<ul>"]


def _figure(picture: Picture, address: str | None, said: Card) -> str:
    alt = html.escape(alt_text(picture.description, picture.operation), quote=True)
    image = "<p>(the file is gone)</p>"
    if address is not None:
        image = f'<img alt="{alt}" src="{address}">'
    if picture.spoiler:
        image = f"<details><summary>#{picture.number} {Sentence.COVERED}</summary>{image}</details>"
    facts = html.escape(recipe_text(picture)).replace("\n", "<br>")
    told = html.escape(" · ".join(said.facts))
    title = f"<b><bdi>{html.escape(said.title)}</bdi></b><br>" if said.title else ""
    return (
        f'<figure id="picture-{picture.number}">{image}<figcaption>{picture.number}: {title}'
        f'<bdi>{html.escape(picture.description)}</bdi><br><bdi class="facts">{told}</bdi>'
        f'<details dir="auto"><summary>Recipe</summary>{facts}</details></figcaption></figure>'
    )


def _turn(turn: Turn) -> str:
    who = turn.person.name if turn.role is Role.USER and turn.person else "Easel"
    said = [_paragraph(turn.text)] if turn.role is Role.USER else []
    for part in turn.parts:
        match part:
            case PicturePart(state=SlotState.READY):
                label = html.escape(f"Picture {part.number}: {part.description}")
                said.append(f'<p dir="auto"><a href="#picture-{part.number}">{label}</a></p>')
            case TextPart(text):
                said.append(_paragraph(text.strip()) if text.strip() else "")
            case _:
                said.append(f"<p>{html.escape(_in_words(part).strip('*'))}</p>")
    return f'<section class="{turn.role.value}"><h3 dir="auto">{html.escape(who)}</h3>{"".join(said)}</section>\n'


def _paragraph(words: str) -> str:
    return f'<p dir="auto">{html.escape(words).replace(chr(10), "<br>")}</p>'
