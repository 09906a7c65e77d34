"""What somebody asks for who begins a brainstorm, by command or in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.brainstorm.spoken import in_words_arguments
from handlers.command_text import BadCommand, named, read_arguments
from handlers.model import Action, CommandSpec, Option, OptionKind
from handlers.round import DOTS, IDEAS, MAX_MINUTES, MAX_TOPIC

YES, NO = "yes", "no"
SPEC = CommandSpec(
    "brainstorm",
    "Rounds of pictured ideas for a topic, on which everybody votes",
    (
        Option("topic", "What you want ideas for", minimum=1, maximum=2000),
        Option("ideas", "How many in a round (4)", OptionKind.NUMBER, minimum=IDEAS[0], maximum=IDEAS[-1]),
        Option("minutes", "Time to vote; else until you close it", OptionKind.NUMBER, minimum=1, maximum=MAX_MINUTES),
        Option("votes", "For each person (2)", OptionKind.NUMBER, minimum=DOTS[0], maximum=DOTS[-1]),
        Option("anonymous", "Hide who voted, and the counts until the end", OptionKind.CHOICE, choices=(YES, NO)),
    ),
    opens_thread=True,
)

VOTE = CommandSpec(
    "vote",
    "Vote for an idea of a brainstorm, or take your vote back",
    (Option("picture", "The idea's number", OptionKind.PICTURE, required=True, minimum=1),),
    in_session=True,
)
DOES: Mapping[str, Action] = {
    "state": Action.STATE,
    "close": Action.CLOSE,
    "open": Action.OPEN,
    "next": Action.NEXT,
    "finish": Action.FINISH,
    "lead": Action.LEAD,
}
ROUND = CommandSpec(
    "round",
    "How this thread's brainstorm stands; or close the vote, open it again, go on, finish",
    (Option("do", "Without it: how it stands", OptionKind.CHOICE, choices=tuple(DOES)),),
    in_session=True,
)


@dataclass(frozen=True, slots=True)
class Wish:
    topic: str
    """At most `MAX_TOPIC` characters, one line."""
    ideas: int = 4
    minutes: int | None = None
    votes: int = 2
    anonymous: bool = False
    shortened: bool = False
    """The topic was longer."""


def of_arguments(arguments: Mapping[str, str | int]) -> Wish:
    """Of a command with a topic."""
    whole = " ".join(str(arguments["topic"]).split())
    minutes = arguments.get("minutes")
    return Wish(
        whole if len(whole) <= MAX_TOPIC else whole[: MAX_TOPIC - 1].rstrip() + "…",
        int(arguments.get("ideas", 4)),
        None if minutes is None else int(minutes),
        int(arguments.get("votes", 2)),
        str(arguments.get("anonymous", NO)) == YES,
        len(whole) > MAX_TOPIC,
    )


def wish_of(text: str) -> Wish | None:
    """What a message asks for; None when it asks for no brainstorm."""
    command = named(text)
    if command is None:
        spoken = in_words_arguments(text)
        return None if spoken is None else of_arguments(spoken)
    if command[0] != SPEC.name:
        return None
    try:
        arguments = read_arguments(SPEC, command[1])
    except BadCommand:
        return None
    return of_arguments(arguments) if str(arguments.get("topic", "")).strip() else None
