"""A session as one zip: pictures, recipes, transcript, and a page that needs nothing else."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from importlib import resources

from handlers.brainstorm.model import RoundPart
from handlers.english import Sentence, alt_text, round_lines
from handlers.errors import PictureGone
from handlers.links import guarded
from handlers.model import (
    NoticePart,
    Picture,
    PicturePart,
    ReplyPart,
    Role,
    SelectPart,
    SlotState,
    TextPart,
    ThreadKey,
    Turn,
)
from handlers.ports import Marking, Store
from handlers.recipe_text import recipe_text

EXTENSIONS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


async def export_session(store: Store, marking: Marking, thread: ThreadKey, *, most: int = 500) -> bytes:
    """The zip's bytes. A picture whose file is gone is left out of the files, not of the transcript."""
    return await asyncio.to_thread(bundle, *await collect(store, marking, thread, most=most))


async def collect(
    store: Store, marking: Marking, thread: ThreadKey, *, most: int
) -> tuple[Sequence[Turn], Sequence[Picture], dict[int, bytes]]:
    """All turns, the newest pictures, and marked copies of those whose files are there, by number."""
    turns = await store.turns(thread)
    pictures = list(await store.gallery(thread, limit=most))
    files: dict[int, bytes] = {}
    for picture in pictures:
        try:
            files[picture.number] = await marking.copy(picture.sha256)
        except PictureGone:
            continue
    return turns, pictures, files


def bundle(turns: Sequence[Turn], pictures: Sequence[Picture], files: dict[int, bytes]) -> bytes:
    """Everything in one zip."""
    found = {f"pictures/{file_name(p)}": files[p.number] for p in pictures if p.number in files}
    return zipped(found | page_and_words(turns, pictures, files, recipes_of=pictures))


def page_and_words(
    turns: Sequence[Turn], pictures: Sequence[Picture], files: dict[int, bytes], *, recipes_of: Sequence[Picture]
) -> dict[str, bytes]:
    """Recipes, transcript and page by path; `pictures` and `files` are what the page shows."""
    recipes = {
        f"recipes/{p.number}.json": json.dumps(p.recipe.to_json(), ensure_ascii=False, indent=2)
        for p in recipes_of
        if p.recipe is not None
    }
    words = recipes | {"transcript.md": transcript(turns), "index.html": page(turns, pictures, files)}
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


def page(turns: Sequence[Turn], pictures: Sequence[Picture], files: dict[int, bytes]) -> str:
    """One HTML page with everything inside: the family tree, then the conversation."""
    style = resources.files("handlers").joinpath("export.css").read_text("utf-8")
    shown = {picture.number: _figure(picture, files.get(picture.number)) for picture in pictures}
    body = "\n".join(_turn(turn) for turn in turns)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Easel session</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>'
        f"<h1>Easel session</h1><h2>Pictures</h2>{tree(pictures, shown)}<h2>Conversation</h2>{body}</body></html>\n"
    )


def tree(pictures: Sequence[Picture], shown: dict[int, str]) -> str:
    """Nested lists; a picture whose parent is gone begins a branch of its own."""
    children: dict[int | None, list[int]] = {}
    for picture in pictures:
        parent = next((number for number in picture.parents if number in shown), None)
        children.setdefault(parent, []).append(picture.number)
    out: list[str] = []
    pending: list[str | int] = ["</ul>", *reversed(children.get(None, ())), '<ul class="tree">']
    while pending:  # no recursion: a chain of edits can be as long as the thread
        item = pending.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        out.append(f"<li>{shown[item]}")
        below = children.get(item, [])
        pending += ["</li>"]
        if below:
            pending += ["</ul>", *reversed(below), "<ul>"]
    return "".join(out)


def _figure(picture: Picture, data: bytes | None) -> str:
    alt = html.escape(alt_text(picture.description, picture.operation), quote=True)
    image = "<p>(the file is gone)</p>"
    if data is not None:
        image = f'<img alt="{alt}" src="data:{picture.media_type};base64,{base64.b64encode(data).decode()}">'
    if picture.spoiler:
        image = f"<details><summary>#{picture.number} {Sentence.COVERED}</summary>{image}</details>"
    facts = html.escape(recipe_text(picture)).replace("\n", "<br>")
    return (
        f'<figure id="picture-{picture.number}">{image}<figcaption>{picture.number}: {html.escape(picture.description)}'
        f"<details><summary>Recipe</summary>{facts}</details></figcaption></figure>"
    )


def _turn(turn: Turn) -> str:
    who = turn.person.name if turn.role is Role.USER and turn.person else "Easel"
    said = [f"<p>{_text(turn.text)}</p>"] if turn.role is Role.USER else []
    for part in turn.parts:
        match part:
            case PicturePart(state=SlotState.READY):
                label = html.escape(f"Picture {part.number}: {part.description}")
                said.append(f'<p><a href="#picture-{part.number}">{label}</a></p>')
            case TextPart(text):
                said.append(f"<p>{_text(text.strip())}</p>" if text.strip() else "")
            case _:
                said.append(f"<p>{html.escape(_in_words(part).strip('*'))}</p>")
    return f'<section class="{turn.role.value}"><h3>{html.escape(who)}</h3>{"".join(said)}</section>'


def _text(words: str) -> str:
    return html.escape(words).replace("\n", "<br>")
