"""What people are told: calmly what is not made here, and never how to get around it."""

from __future__ import annotations

from typing import Final, assert_never

from handlers.moderation.model import Category, Kind

WHAT: Final = {
    Category.SEXUAL: "sexual scenes",
    Category.VIOLENCE: "cruelty and gore",
    Category.HATE: "hatred of people",
    Category.SELF_HARM: "self-harm",
    Category.REAL_PEOPLE: "real people like that",
    Category.MINORS: "anything sexual with minors",
}
CARE: Final = "if this is about you, please talk to somebody you trust, or to a crisis line where you live"
UNAVAILABLE: Final = "What you ask for cannot be checked just now; please try again in a few minutes."


def refusal(category: Category, kind: Kind) -> str:
    """The sentence for the person whose words or picture are refused."""
    what = WHAT[category]
    hurt = category is Category.SELF_HARM
    match kind:
        case Kind.MESSAGE | Kind.DESCRIPTION:
            return f"I do not draw {what} here; {CARE if hurt else 'please ask for something else'}."
        case Kind.UPLOAD:
            return f"I do not take pictures of {what} here, so it was not kept{f'; {CARE}' if hurt else ''}."
        case Kind.PICTURE | Kind.PREVIEW:
            return (
                f"The picture seems to show {what}, so it was not kept and does not count{f'; {CARE}' if hurt else ''}."
            )
        case _:
            assert_never(kind)
