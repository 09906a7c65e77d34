"""Sentences of brainstorms that are the same on every platform."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from handlers.round import Phase, RoundPart

NO_ROUND = "There is no brainstorm in this thread; /brainstorm and a topic begin one."
NEEDS_TOPIC = "Say what you want ideas for: /brainstorm and a topic."
NO_IDEAS = "There are no ideas for this topic; begin again in other words."
STOPPED = "It was stopped before there were ideas; /brainstorm begins another."
ALL_FAILED = "None of the drafts could be drawn; the next round tries again."
NOBODY_VOTED = "Nobody voted. Open the vote again, or go on to another round with new ideas."
NO_WINNER = "The brainstorm is over. Nobody voted, so there is no winner."
NEXT_ROUND = "The next round is on its way."
FINISHING = "The brainstorm is finished; its winners are drawn in full quality."
OPENED = "The vote is open again."
IS_OPEN = "The vote is open."
CLOSE_FIRST = "The vote is still open: close it first."
VOTED = "Your vote for #{} counts."
TAKEN_BACK = "Your vote for #{} is taken back."
STAYS_ANONYMOUS = "People voted because it is anonymous, so this round stays that way."
UNDER_WAY = "That is under way already."
NOT_AN_IDEA = "#{} is no idea of a brainstorm's round."
NO_SKILL = (
    "These directions come from templates: this language model draws what it is told and thinks of no directions; "
    "connect a larger one for its own."
)
UNREADABLE = "The language model gave no directions that I can use; these come from templates."
NO_MODEL = "The language model did not answer; these directions come from templates."
_NOT_OPEN = {
    Phase.THINKING: "The ideas are not there yet.",
    Phase.DRAWING: "The drafts are still being drawn; the vote opens when they are there.",
    Phase.OPEN: IS_OPEN,
    Phase.CLOSED: "The vote is closed.",
    Phase.OVER: "This round is over.",
}


def not_open(phase: Phase) -> str:
    return _NOT_OPEN[phase]


def numbers(pictures: Sequence[int]) -> str:
    named = [f"#{picture}" for picture in pictures]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def votes(count: int) -> str:
    return "1 vote" if count == 1 else f"{count} votes"


def dots_left(mine: Sequence[int], dots: int) -> str:
    left = max(0, dots - len(mine))
    for_ = f" You vote for {numbers(mine)}." if mine else ""
    return f"You have {votes(left)} left.{for_}"


def all_used(mine: Sequence[int]) -> str:
    used = "your vote" if len(mine) == 1 else f"all {len(mine)} of your votes"
    which = "it" if len(mine) == 1 else "one of them"
    return f"You have used {used}, for {numbers(mine)}: press {which} again to have a vote back."


def no_draft(picture: int) -> str:
    return f"Idea #{picture} has no picture any more; vote for another one."


def missing(pictures: Sequence[int]) -> str:
    return f"{numbers(pictures)} could not be drawn and cannot be voted for."


def alike(pictures: Sequence[int]) -> str:
    return f"{numbers(pictures)} were drawn alike; say in the thread what should set them apart."


def leads(winners: Sequence[int]) -> str:
    """`winners` are there, the one that is gone on with first."""
    first, *others = winners
    tied = f" It was a tie; *Select* goes on with {numbers(others)} instead." if others else ""
    return f"Picture #{first} is the current one now: say what to make of it.{tied}"


def tie(pictures: Sequence[int], count: int) -> str:
    each = "both" if len(pictures) == 2 else "all"
    return f"A tie: {numbers(pictures)} {each} have {votes(count)}; I do not decide it by chance."


def few_ideas(had: int, wanted: int) -> str:
    return f"The language model had {had} different {'idea' if had == 1 else 'ideas'} of {wanted}."


def not_yours(name: str) -> str:
    return f"That is for {name}, who began this brainstorm, or for a moderator."


def running(topic: str, name: str) -> str:
    return (
        f"A brainstorm on “{topic}” is under way in this thread. Begin another one in its own thread, or have {name} "
        "or a moderator close and finish this one."
    )


def settings_now(dots: int, minutes: int | None, anonymous: bool) -> str:
    time = f"{minutes} min to vote" if minutes else "no time limit"
    kind = "anonymous" if anonymous else "not anonymous"
    return f"This brainstorm now has {votes(dots)} for each person, {time}, and is {kind}."


def state(part: RoundPart) -> str:
    """How a round stands, in one sentence."""
    about = f"Round {part.number} on “{part.topic}”: "
    voted = f"{part.voters} {'person has' if part.voters == 1 else 'people have'} voted"
    match part.phase:
        case Phase.OPEN:
            return f"{about}the vote is open, {voted}."
        case Phase.CLOSED:
            best = [card.picture for card in part.cards if card.winner]
            won = f"; {numbers(best)} {'has' if len(best) == 1 else 'have'} most votes" if best else ""
            return f"{about}the vote is closed, {voted}{won}."
        case _:
            return about + not_open(part.phase)[0].lower() + not_open(part.phase)[1:]


def time_left(left: timedelta) -> str:
    minutes = max(1, round(left.total_seconds() / 60))
    for size, name in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= 2 * size or size == 1:
            count = round(minutes / size)
            return f"It closes in about {count} {name}{'' if count == 1 else 's'}."
    raise AssertionError


def voted_for(mine: Sequence[int]) -> str:
    return f"You voted for {numbers(mine)}."
