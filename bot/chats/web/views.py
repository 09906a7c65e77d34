"""Values of the conversation as the page's JSON."""

from __future__ import annotations

import base64
from typing import Any, assert_never

from handlers.board import Pinned
from handlers.english import (
    Sentence,
    alt_text,
    beside_hung,
    comes_from,
    missing,
    round_head,
    round_state,
    status,
    votes_told,
    words,
)
from handlers.model import (
    Action,
    Answer,
    CommandSpec,
    File,
    NoticePart,
    Picture,
    PicturePart,
    PictureState,
    Reply,
    ReplyPart,
    SelectPart,
    TextPart,
    Turn,
)
from handlers.ports import ThreadSummary
from handlers.presentation import Made, Missing, Why, caption, offered, offered_round, progress
from handlers.round import RoundPart

Json = dict[str, Any]


def part(value: ReplyPart) -> Json:
    match value:
        case TextPart():
            return {"kind": "text", "text": value.text}
        case PicturePart():
            return {
                "kind": "picture",
                "slot": value.slot,
                "number": value.number,
                "operation": value.operation.value,
                "description": value.description,
                "alt": alt_text(value.description, value.operation),
                "parents": list(value.parents),
                # An upload stands with the words of whoever brought it.
                "made": words(Made(value.operation, value.parents, value.again))
                if value.parents or value.again
                else "",
                "state": value.state.value,
                "status": status(progress(value)),
                "offers": [
                    {"action": offer.action.value, "label": offer.label, "entry": offer.told}
                    for offer in offered(value, covers=True)
                ],
                "step": value.step,
                "total": value.total,
                "preview": None if value.preview is None else f"/api/previews/{value.slot}/{value.step}",
                "sha256": value.sha256,
                "width": value.width,
                "height": value.height,
                "sentence": missing(said) if isinstance(said := caption(value), Missing) else value.sentence,
                "covered": f"#{value.number} {Sentence.COVERED}" if value.spoiler else None,
                "gone": missing(Missing(Why.DELETED)),
            }
        case SelectPart():
            return {
                "kind": "select",
                "number": value.number,
                "description": value.description,
                "label": f"#{value.number} {Sentence.CURRENT}",
            }
        case NoticePart():
            return {"kind": "notice", "text": value.sentence}
        case RoundPart():
            return round_part(value)
    assert_never(value)


def round_part(value: RoundPart) -> Json:
    """A round of a brainstorm. Its drafts are the pictures of the same answer that have the cards' numbers."""
    offers = offered_round(value)
    return {
        "kind": "round",
        "phase": value.phase.value,
        "head": round_head(value),
        "topic": value.topic,
        "took_up": value.took_up,
        "cards": [
            {
                "number": card.picture,
                "title": card.title,
                "why": card.why,
                "from": comes_from(card),
                "votes": None if card.votes is None else votes_told(card.votes),
                "winner": card.winner,
            }
            for card in value.cards
        ],
        "vote": next((offer.label for offer in offers if offer.action is Action.DOT), None),
        "offers": [
            {"action": offer.action.value, "label": offer.label} for offer in offers if offer.action is not Action.DOT
        ],
        "state": round_state(value),
        "closes": None if value.closes is None else value.closes.isoformat(),
        "dots": value.dots,
        "anonymous": value.anonymous,
        "remarks": list(value.remarks),
    }


def reply(value: Reply) -> Json:
    return {
        "type": "reply",
        "turn": {
            "id": value.turn,
            "role": "assistant",
            "name": "Easel",
            "text": "",
            "parts": [part(item) for item in value.parts],
            "thinking": value.thinking,
            "final": value.final,
        },
    }


def turn(value: Turn) -> Json:
    """A stored turn; an assistant turn that is still open has been shown before the page was opened."""
    person = value.person
    return {
        "id": value.id,
        "role": value.role.value,
        "name": person.name if person else "Easel",
        "person": person.id if person else None,
        "text": value.text if person else "",
        "parts": [part(item) for item in value.parts],
        "thinking": False,
        "final": True,
        "created": value.created.isoformat(),
    }


def picture(value: Picture) -> Json:
    return {
        "number": value.number,
        "operation": value.operation.value,
        "parents": list(value.parents),
        "description": value.description,
        "alt": alt_text(value.description, value.operation),
        "sha256": value.sha256,
        "width": value.width,
        "height": value.height,
        "author": value.person.name,
        "deleted": value.state is PictureState.DELETED,
        "covered": value.spoiler,
        "style": value.recipe.style if value.recipe else None,
    }


def pinned(value: Pinned) -> Json:
    """A card of a board."""
    it = value.picture
    return {
        "number": it.number,
        "title": value.title,
        "why": value.why,
        "alt": value.alt,
        "round": value.round,
        "votes": value.votes,
        "told": "" if value.votes is None else votes_told(value.votes),
        "winner": value.winner,
        "person": value.person,
        "group": value.group,
        "sha256": it.sha256,
        "width": it.width,
        "height": it.height,
        "covered": f"#{it.number} {Sentence.COVERED}" if it.spoiler else None,
    }


def command(value: CommandSpec) -> Json:
    options = [
        {
            "name": option.name,
            "summary": option.summary,
            "kind": option.kind.value,
            "choices": list(option.choices),
            "required": option.required,
            "admin_only": option.admin_only,
            "maximum": option.maximum,
        }
        for option in value.options
    ]
    return {"name": value.name, "summary": value.summary, "options": options}


def summary(value: ThreadSummary) -> Json:
    return {
        "id": value.key.thread,
        "title": value.title,
        "turns": value.turns,
        "pictures": value.pictures,
        "updated": value.updated.isoformat(),
    }


def gallery(value: Answer) -> Json:
    """A page of the gallery; `sentence` stands where it has no pictures."""
    page = value.gallery
    if page is None:
        return {"hung": [], "older": None, "sentence": value.text}
    hung = [
        {
            "thread": one.picture.thread.thread,
            "title": one.title,
            "number": one.picture.number,
            "description": one.picture.description,
            "alt": alt_text(one.picture.description, one.picture.operation),
            "beside": beside_hung(one),
            "sha256": one.picture.sha256,
            "width": one.picture.width,
            "height": one.picture.height,
            "covered": f"#{one.picture.number} {Sentence.COVERED}" if one.picture.spoiler else None,
        }
        for one in page.hung
    ]
    return {"hung": hung, "older": page.older, "sentence": "" if hung else value.text}


def link(file: File, address: str) -> Json:
    return {"name": file.name, "media_type": file.media_type, "url": address, "alt": file.alt, "covered": file.spoiler}


def answer(value: Answer) -> Json:
    return {
        "text": value.text,
        "files": [
            {
                "name": file.name,
                "media_type": file.media_type,
                "data": base64.b64encode(file.data).decode(),
                "alt": file.alt,
                "covered": file.spoiler,
            }
            for file in value.files
        ],
    }
