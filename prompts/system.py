"""A `LanguageRequest` as chat messages for one model family, within a token budget.

The parts that a host can read and change: the rules (system.en.md, system.zh.md), the example turns
(few_shots.toml), the table of operations. What stays the same from turn to turn comes first and what changes
(the table of pictures, the newest message) last, and history is dropped in blocks: so a server that caches prompts
reads again only what is new.

What is cut when the budget is short, in this order: the oldest history, the example turns, old rows of the picture
table, the examples of the tags, the end of the user's message.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal, TypedDict

from prompts.examples import example_marks, few_shots
from prompts.marks import harmless, message, newest, picture_table, spoken
from prompts.operations import ATTRIBUTES, OPERATIONS, TAUGHT, Body, Skill
from prompts.profiles import Profile
from prompts.request import LanguageRequest, Said
from prompts.tokens import CUT_MARK, cut, estimate_tokens

__all__ = [
    "CUT_MARK",
    "ChatMessage",
    "estimate_tokens",
    "example_marks",
    "few_shots",
    "picture_table",
    "render_messages",
    "system_text",
]

LANGUAGES: Final = {
    "en": {
        None: "Answer in the language of the newest message.",
        "en": "Always answer in English.",
        "zh": "Always answer in Chinese.",
        "": "Always answer in the language with the code {code}.",
    },
    "zh": {
        None: "用最新一条消息的语言回答。",
        "en": "一律用英文回答。",
        "zh": "一律用中文回答。",
        "": "一律用代码为 {code} 的语言回答。",
    },
}
"""By language of the system prompt: which language is answered in, by the thread's setting."""
TABLE_ROWS: Final = 12
BLOCK: Final = 8
"""Turns of history that are dropped together."""
WHOLE: Final = 16
"""So many turns are told from wherever they begin: a thread that short has lost nothing to its window."""
_MESSAGE_TOKENS = 6
_EXAMPLES_END = "The first {count} exchanges are examples, each from another thread; none of their pictures exist here."


class ChatMessage(TypedDict):
    """One message of the chat completions API."""

    role: Literal["system", "user", "assistant"]
    content: str


@cache
def _template(language: str) -> string.Template:
    return string.Template(files("prompts").joinpath(f"system.{language}.md").read_text("utf-8").strip())


def operations_text(skills: frozenset[Skill] = frozenset(), *, brief: bool = False) -> str:
    """The operations table as the model reads it; `brief` leaves its examples out."""
    rows = []
    known = {*ATTRIBUTES, *(name for skill in skills for name in TAUGHT[skill][0])}
    for row in OPERATIONS.values():
        attributes = "".join(f' {name}="…"' for name in row.attributes if name in known)
        body = "description" if row.body is Body.DESCRIPTION else "number of a picture"
        rows.append(f"- <{row.name}{attributes}> {body} </{row.name}>: {row.meaning}.")
        if not brief:
            rows.append(f"  Example: {row.example}")
    return "\n".join(rows)


def system_text(request: LanguageRequest, language: str, *, brief: bool = False) -> str:
    """The system prompt without examples. It does not change while a thread goes on."""
    sentences = LANGUAGES.get(language, LANGUAGES["en"])
    text = _template(language if language in LANGUAGES else "en").substitute(
        operations=operations_text(request.skills, brief=brief),
        attributes="; ".join(f"{name}: {meaning}" for name, meaning in ATTRIBUTES.items()),
        language=sentences.get(request.language or None, sentences[""]).format(code=request.language),
        most=request.max_pictures,
    )
    text += "".join(f"\n- {lesson}." for skill, (_, lesson) in TAUGHT.items() if skill in request.skills)
    if request.vocabulary is not None:
        known = request.vocabulary
        text += (
            "\n- The picture model knows only these things: "
            + ", ".join(known.things)
            + "; these backgrounds: "
            + ", ".join(known.backgrounds)
            + "; these colours: "
            + ", ".join(known.colours)
            + ". Describe with these words wherever they fit what was asked for."
        )
    return text


def render_messages(request: LanguageRequest, profile: Profile, budget_tokens: int) -> list[ChatMessage]:
    """The messages of a request.

    Args:
        budget_tokens: For the whole prompt; room for the reply is the caller's to leave.
    """
    after = _repair(request)
    if request.plain:
        head: list[ChatMessage] = [{"role": "system", "content": request.system}] if request.system else []
        table = ""
    else:
        head, table = _head(request, profile, budget_tokens)
    room = budget_tokens - _cost([*head, *after]) - estimate_tokens(table)
    said = _spoken(request, request.user, max(room - _MESSAGE_TOKENS, 16))
    room -= estimate_tokens(said) + _MESSAGE_TOKENS
    history = _window(
        [_turn(request, said) for said in request.history], [said.index for said in request.history], room
    )
    asked: ChatMessage = {"role": "user", "content": newest(table, said) if table else said}
    return _for_family([*head, *history, asked, *after], profile)


def _turn(request: LanguageRequest, said: Said) -> ChatMessage:
    if said.role == "assistant":
        return {"role": "assistant", "content": harmless(said.text)}
    return {"role": "user", "content": _spoken(request, said)}


def _spoken(request: LanguageRequest, said: Said, tokens: int | None = None) -> str:
    """A person's message, its words cut to a number of tokens."""
    if request.plain:
        text = f"{said.name}: {said.text}" if said.name else said.text
        return text if tokens is None else cut(text, tokens)
    whole = message(said)
    if tokens is None or estimate_tokens(whole) <= tokens:
        return whole
    around = estimate_tokens(message(said, ""))
    text = cut(harmless(spoken(said)), max(tokens - around - 2, 4))
    return message(said, text)


def _head(request: LanguageRequest, profile: Profile, budget: int) -> tuple[list[ChatMessage], str]:
    """System prompt and examples, and the picture table; as much of both as leaves room for the message."""
    language = request.language if request.language in LANGUAGES else profile.language
    system = system_text(request, language)
    short = system_text(request, language, brief=True)
    wanted = min(estimate_tokens(message(request.user)) + _MESSAGE_TOKENS, budget // 3)
    without: list[ChatMessage] = [{"role": "system", "content": system}]
    choices = (
        (_with_shots(system, profile), None),
        (_with_shots(system, profile), TABLE_ROWS),
        (without, TABLE_ROWS),
        (without, 3),
        ([ChatMessage(role="system", content=short)], 3),
    )
    for head, rows in choices:
        table = picture_table(request.pictures, request.next_number, rows, spoken(request.user))
        if _cost(head) + estimate_tokens(table) + wanted <= budget:
            break
    return head, table


def _with_shots(system: str, profile: Profile) -> list[ChatMessage]:
    shots = few_shots()
    if not profile.shots_as_turns:
        shown = "\n\n".join(f"User:\n{user}\nAssistant: {assistant}" for user, assistant in shots)
        return [{"role": "system", "content": f"{system}\n\nExamples, each from another thread:\n\n{shown}"}]
    messages: list[ChatMessage] = [
        {"role": "system", "content": f"{system}\n\n{_EXAMPLES_END.format(count=len(shots))}"}
    ]
    for user, assistant in shots:
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return messages


def _repair(request: LanguageRequest) -> list[ChatMessage]:
    if request.repair is None:
        return []
    numbers = ", ".join(str(line.number) for line in request.pictures) or "none"
    problems = "\n".join(f"- {problem}" for problem in request.repair.problems)
    correction = (
        f"Some tags of your reply could not be carried out:\n{problems}\nPictures that exist: {numbers}. "
        "Write only the corrected tags again, one for each problem in the same order, without any other words."
    )
    return [{"role": "assistant", "content": request.repair.reply[:4000]}, {"role": "user", "content": correction}]


def _window(turns: Sequence[ChatMessage], indices: Sequence[int], room: int) -> list[ChatMessage]:
    """The newest turns that fit, beginning with a person's.

    The window's begin stays where it is for several turns and then moves by a block: a cached prompt is worth
    something only as long as its beginning is the same. Of the turns that fit, more than half are told.
    """
    begin = len(turns)
    while begin and (room := room - _cost([turns[begin - 1]])) >= 0:
        begin -= 1
    if begin or len(turns) > WHOLE:
        begin = _boundary(indices, begin)
    kept = list(turns[begin:])
    while kept and kept[0]["role"] == "assistant":
        kept.pop(0)
    return kept


def _boundary(indices: Sequence[int], begin: int) -> int:
    """The first turn from `begin` on that begins a block, of blocks at most half as long as what is there."""
    size = next((size for size in (BLOCK, 4, 2) if 2 * size <= len(indices) - begin), 1)
    blocks = [(index - 1) // size for index in indices]
    for at in range(begin, len(indices)):
        if blocks[at] != blocks[at - 1] if at else (indices[0] - 1) % size == 0:
            return at
    return begin


def _cost(messages: Iterable[ChatMessage]) -> int:
    return sum(estimate_tokens(told["content"]) + _MESSAGE_TOKENS for told in messages)


def _for_family(messages: list[ChatMessage], profile: Profile) -> list[ChatMessage]:
    """Fold the system role and join neighbours of one role where the family wants it."""
    out: list[ChatMessage] = []
    for told in messages:
        role = told["role"] if profile.system or told["role"] != "system" else "user"
        joins = bool(out) and out[-1]["role"] == role and (profile.merge or not profile.system)
        if joins:
            out[-1] = {"role": role, "content": out[-1]["content"] + "\n\n" + told["content"]}
        else:
            out.append({"role": role, "content": told["content"]})
    return out
