"""The words of `handlers.presentation`, and of what all chats tell alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

from handlers.model import GalleryPage, Hung, PicturePart
from handlers.presentation import (
    Activity,
    AtPicture,
    Busy,
    Caption,
    Drawing,
    Duration,
    Idea,
    Made,
    Missing,
    Progress,
    Waiting,
    Why,
    shorten,
)
from handlers.round import Card, Phase, RoundPart
from imaging.model import Makes, Operation


class Sentence(StrEnum):
    """What is the same whatever it is about."""

    FAILED = "This picture could not be made."
    COVERED = "may be sensitive"
    """Behind a picture's number."""
    CURRENT = "is the current picture"
    """Behind a picture's number."""
    NOTHING = "There is nothing to say here."
    BESIDE = "I sent it to you as a direct message."
    NO_PICTURE = "That message shows no picture; choose one that does."
    EDIT = "Edit this picture"
    WHOLE = "The whole picture as you want it"
    WHOLE_HINT = "Change the words; what you leave stays."
    HOW_FAR = "How much may change?"
    GO_BY = "Pictures to go by"
    GO_BY_HINT = "They become numbered pictures of the thread."
    DRAW = "Draw it"
    ROUND = "Settings of the brainstorm"
    ROUND_SAVE = "Save"
    MORE = "More with one of the drafts…"
    ROUND_SETTINGS = "Who began the brainstorm changes it with /brainstorm, for example /brainstorm minutes:10 votes:3."
    PICK = "Pick one to edit, vary, refine or vote for it"
    WHICH = "Which picture?"
    CANCEL_ONE = "Cancel one"


MADE_WITH_AI = " (made with AI)"
"""Behind what stands for a picture where nobody sees it."""


def alt_text(description: str, operation: Operation, most: int = 10_000) -> str:
    """What stands for a picture where nobody sees it, of at most so many characters. Whoever hears it is told that AI
    made it, unless a person brought it."""
    if operation is Operation.UPLOAD:
        return shorten(description, most)
    return shorten(description, most - len(MADE_WITH_AI)) + MADE_WITH_AI


DOING: Mapping[Makes, str] = {
    Makes.CHANGED: "Editing",
    Makes.REDRAWN: "Varying",
    Makes.ENLARGED: "Refining",
}
"""What is done to a picture; `Drawing` for all others."""
_LOST = {Why.CANCELLED: "was cancelled", Why.DELETED: "was deleted", Why.HIDDEN: "was reported and is hidden"}


def words(value: Caption | Activity | Duration) -> str:
    """A value in words, without capitals or full stop, except where somebody's own sentence says it."""
    match value:
        case Duration(count, unit):
            return f"{count} {unit}"
        case Waiting(before, eta):
            if before is None:
                return "waiting" + _about(eta)
            ahead = {0: "next", 1: "1 picture before it"}.get(before, f"{before} pictures before it")
            return ahead + _about(eta)
        case Drawing(_, step, total, eta):
            return (f"step {step} of {total}" if total else "starting") + _about(eta)
        case Made(_, _, int(number)):
            return f"#{number} again, with a new seed"
        case Made(operation, parents):
            if operation.makes is Makes.BROUGHT:
                return "your picture"
            return f"{operation.value} of {', '.join(f'#{number}' for number in parents)}" if parents else ""
        case Missing(Why.FAILED, sentence):
            return sentence or Sentence.FAILED
        case Missing(why):
            return _LOST[why]
        case Busy():
            return value.value
        case AtPicture(number, nth, of):
            return f"drawing #{number}" + (f" ({nth} of {of})" if of > 1 else "")
        case _:
            assert_never(value)


def status(value: Progress) -> str:
    """How far a picture is, as a line of its own."""
    said = words(value)
    if isinstance(value, Drawing):
        return f"{DOING.get(value.operation.makes, 'Drawing')} · {said}"
    return said[0].upper() + said[1:]


def missing(value: Missing) -> str:
    """Why there is no picture, as a sentence where its number does not stand before it."""
    return words(value) if value.why is Why.FAILED else f"This picture {words(value)}."


def gone_sentence(number: int, why: Why) -> str:
    """In place of a picture that was there."""
    return f"Picture #{number} {words(Missing(why))}."


# Brainstorms


def round_head(part: RoundPart) -> str:
    """The round as a headline, without marks."""
    topic = shorten(part.topic, 150)
    if part.last:
        return f"Brainstorm: {topic} — the result"
    return f"Brainstorm: {topic} — round {part.number}"


def round_state(part: RoundPart) -> str:
    """How the round stands, as one line."""
    voted = f"{part.voters} {'person has' if part.voters == 1 else 'people have'} voted"
    match part.phase:
        case Phase.THINKING | Phase.DRAWING if part.last:
            return "Drawing the winners in full quality…"
        case Phase.THINKING:
            return "Thinking of different directions…"
        case Phase.DRAWING:
            return "Drawing the drafts; the vote opens when they are there."
        case Phase.OPEN:
            hidden = "; counts are told when it closes" if part.anonymous else ""
            return f"The vote is open: {votes_told(part.dots)} for each person. So far {voted}{hidden}."
        case Phase.CLOSED if part.last:
            return "The brainstorm is over." if len(part.cards) < 2 else "The brainstorm is over; it is a tie."
        case Phase.CLOSED | Phase.OVER:
            return f"The vote is closed: {voted}."
        case _:
            assert_never(part.phase)


def closes(moment: str) -> str:
    """When a vote closes by itself; `moment` as a chat writes it, such as "in 5 minutes"."""
    return f"It closes {moment}."


def votes_told(votes: int) -> str:
    return f"{votes} {'vote' if votes == 1 else 'votes'}"


def comes_from(card: Card) -> str:
    """Which pictures of earlier rounds an idea comes from; nothing where there are none."""
    return f"from {', '.join(f'#{number}' for number in card.parents)}" if card.parents else ""


def card_notes(card: Card) -> tuple[str, ...]:
    """What an idea has got."""
    votes = "" if card.votes is None else votes_told(card.votes)
    return tuple(filter(None, (votes, "winner" if card.winner else "", comes_from(card))))


def card_line(card: Card) -> str:
    """One idea, with what it has got, without marks."""
    return f"{' · '.join((f'#{card.picture} {card.title}', *card_notes(card)))} — {card.why}"


def idea_notes(idea: Idea) -> tuple[str, ...]:
    """What an idea has got, and what is to say of its draft."""
    if idea.said is not None:
        return (*card_notes(idea.card), words(idea.said))
    covered = idea.draft is not None and idea.draft.spoiler
    return (*card_notes(idea.card), *((Sentence.COVERED.value,) if covered else ()))


def dot_label(card: Card) -> str:
    """On the button that votes for an idea."""
    return f"#{card.picture}" if card.votes is None else f"#{card.picture} · {card.votes}"


def sheet_alt(pictures: Sequence[PicturePart], most: int = 10_000) -> str:
    """What stands for a sheet of pictures that AI made where nobody sees it, of at most so many characters."""
    each = max(20, (most - len(MADE_WITH_AI)) // max(1, len(pictures)) - len("#1234567890: ; "))
    told = "; ".join(f"#{part.number}: {shorten(part.description, each)}" for part in pictures)
    return shorten(told, most - len(MADE_WITH_AI)) + MADE_WITH_AI


def more_with(numbers: Sequence[int]) -> str:
    """Over a menu of what can be done with pictures."""
    return f"More with {', '.join(f'#{number}' for number in numbers)}…"


def round_lines(part: RoundPart) -> tuple[str, ...]:
    """All of a round in words, for chats and files that show nothing else of it."""
    took = (part.took_up,) if part.took_up else ()
    return (round_head(part), *took, *map(card_line, part.cards), round_state(part), *part.remarks)


def _about(eta: Duration | None) -> str:
    return "" if eta is None else f", about {words(eta)}"


# The gallery

NONE_FOUND = "No picture that you can see here fits that search."
NONE_YET = "There are no pictures yet that you can see here."
ABOUT_SEARCH = (
    "Search by words and by by:NAME, in:TITLE, in:here, style:NAME, votes:>2, since:2026-11-01 and until:2026-11-30."
)


def none_hung(page: GalleryPage) -> str:
    """Of a page without pictures."""
    return f"{NONE_FOUND} {ABOUT_SEARCH}" if page.search else NONE_YET


def beside_hung(hung: Hung) -> str:
    """What stands beside a picture's number and description: what it is of, whose it is, since when, and its votes."""
    picture = hung.picture
    made = words(Made(picture.operation, picture.parents))
    votes = f"👍 {hung.votes}" if hung.votes else ""
    return " · ".join(filter(None, (picture.person.name, made, f"{picture.created:%Y-%m-%d}", votes)))


def hung_told(hung: Hung) -> tuple[str, ...]:
    """All that is said of a picture beside its number, shortened for lists."""
    title = f"“{shorten(hung.title, 60)}”" if hung.title else ""
    return tuple(filter(None, (shorten(hung.picture.description, 110), beside_hung(hung), title)))


def turns(page: GalleryPage) -> tuple[tuple[str, str], ...]:
    """The ways from a page to the next ones: what stands on a button, and the search that it is for."""
    return tuple((label, to) for label, to in (("‹ Newer", page.newer), ("Older ›", page.older)) if to)


def way_on(label: str, search: str) -> str:
    """Where there is no button."""
    return f"{label}: /gallery {search}"


def gallery_words(page: GalleryPage) -> str:
    """A page for chats that show no pictures, one a line, and how to go on."""
    if not page.hung:
        return none_hung(page)
    lines = []
    for hung in page.hung:
        where = f" · “{hung.title}”" if hung.title else ""
        lines.append(f"#{hung.picture.number} {hung.picture.description} · {beside_hung(hung)}{where}")
    lines += [way_on(label, search) for label, search in turns(page)]
    return "\n".join(lines)


# Files that cannot be taken

NAMED = 2
"""So many files are called by their names."""


def no_picture(name: str) -> str:
    return f"{name} is no picture that I can read; send a PNG, JPEG, WebP or GIF."


def too_large(name: str, max_bytes: int) -> str:
    return f"{name} is larger than {max_bytes // 2**20} MiB; send a smaller copy."


def not_fetched(name: str, chat: str) -> str:
    return f"{name} could not be fetched from {chat} just now; send it again."


def left_out(most: int, names: Sequence[str]) -> str:
    """`names` are those of the files that were too many."""
    who = " and ".join(names) if len(names) <= NAMED else str(len(names))
    return f"I take {most} pictures with a message; {who} {'was' if len(names) == 1 else 'were'} left out."
