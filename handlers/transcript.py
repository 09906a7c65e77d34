"""A session as the language model is told it: picture table, history with true numbers, the new message."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.model import PicturePart, Role, Session, Turn, TurnState
from imaging.model import Abilities, Operation
from prompts.operations import skills
from prompts.protocol import escape_user_text
from prompts.request import LanguageRequest, PictureLine, Repair, Said
from prompts.thoughts import without_thoughts

LONGEST_NAME = 60


def picture_lines(session: Session, current: int | None) -> tuple[PictureLine, ...]:
    """The picture table; `latest_batch` marks what the last reply with pictures brought."""
    made = [picture for picture in session.pictures if picture.operation is not Operation.UPLOAD]
    batch = made[-1].turn if made else None
    return tuple(
        PictureLine(
            number=picture.number,
            operation=picture.operation,
            parent=picture.parents[0] if picture.parents else None,
            description=escape_user_text(picture.description),
            author=escape_user_text(picture.person.name[:LONGEST_NAME]),
            current=picture.number == current,
            latest_batch=picture.turn == batch,
            others=picture.parents[1:],
        )
        for picture in session.pictures
    )


def said(turn: Turn, replies_to: int | None = None) -> Said:
    """A turn as the model reads it. A person's words are data: tags in them are escaped."""
    if turn.role is Role.ASSISTANT:
        return Said("assistant", without_thoughts(turn.text), index=turn.index)  # an earlier version stored them
    words = escape_user_text(turn.text) if turn.text.strip() else ""
    brought = tuple(part.number for part in turn.parts if isinstance(part, PicturePart))
    text = [f"(about picture {replies_to})"] if replies_to is not None else []
    text += [words] if words else []
    text += [f"(brought picture {number})" for number in brought]
    name = escape_user_text(turn.person.name[:LONGEST_NAME]) if turn.person else ""
    return Said("user", " ".join(text), name, words, replies_to, brought, turn.index)


def history(turns: Sequence[Turn], before: int) -> tuple[Said, ...]:
    """What was said before the turn with index `before`, oldest first. What was refused is not said again: it would
    be refused again, with all that follows it."""
    declined = {turn.answers for turn in turns if turn.state is TurnState.DECLINED}
    kept = [
        turn for turn in turns if turn.state not in (TurnState.OPEN, TurnState.DECLINED) and turn.id not in declined
    ]
    told = [said(turn) for turn in kept if turn.index < before]
    return tuple(line for line in told if line.text.strip())


def language_request(
    session: Session,
    asked: Turn,
    *,
    replies_to: int | None = None,
    max_pictures: int,
    engine: Abilities | None = None,
    repair: Repair | None = None,
) -> LanguageRequest:
    """Everything that the language model may know for one reply."""
    known = {picture.number for picture in session.pictures}
    current = replies_to if replies_to in known else session.current
    return LanguageRequest(
        user=said(asked, replies_to if replies_to in known else None),
        history=history(session.recent, asked.index),
        pictures=picture_lines(session, current),
        next_number=session.next_number,
        max_pictures=max_pictures,
        vocabulary=engine.vocabulary if engine else None,
        skills=skills(engine) if engine else frozenset(),
        language=session.settings.get("language"),
        repair=repair,
    )
