"""A `LanguageRequest` as chat messages for one model family, within a token budget.

The system prompt is rendered from the operations table. What is cut when the budget is short, in this
order: the oldest history, the examples, old rows of the picture table, the end of the user's message.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal, TypedDict

from prompts.operations import ATTRIBUTE_MEANINGS, OPERATIONS, Body
from prompts.profiles import Profile
from prompts.request import LanguageRequest, PictureLine, Said

LANGUAGES: Final = ("en", "zh")
TABLE_ROWS: Final = 12
CUT_MARK: Final = " […]"
_MESSAGE_TOKENS = 6
_MAX_DESCRIPTION = 300


class ChatMessage(TypedDict):
    """One message of the chat completions API."""

    role: Literal["system", "user", "assistant"]
    content: str


def estimate_tokens(text: str) -> int:
    """At least as many tokens as common tokenizers make: 3 characters a token, 1 for each wide character."""
    wide = sum(1 for char in text if ord(char) > 0x2E7F)
    accented = sum(1 for char in text if 0x7F < ord(char) <= 0x2E7F)
    return wide * 2 + accented + (len(text) - wide - accented + 2) // 3


@cache
def _template(language: str) -> string.Template:
    return string.Template(files("prompts").joinpath(f"system.{language}.md").read_text("utf-8").strip())


@cache
def few_shots() -> tuple[tuple[str, str], ...]:
    """(user, assistant) pairs."""
    rows = tomllib.loads(files("prompts").joinpath("few_shots.toml").read_text("utf-8"))["shot"]
    return tuple((row["user"], row["assistant"]) for row in rows)


def operations_text() -> str:
    """The operations table as the model reads it."""
    rows = []
    for row in OPERATIONS.values():
        attributes = "".join(f' {name}="…"' for name in row.attributes)
        body = "description" if row.body is Body.DESCRIPTION else "number of a picture"
        rows.append(f"- <{row.name}{attributes}> {body} </{row.name}>: {row.meaning}.\n  Example: {row.example}")
    return "\n".join(rows)


def system_text(request: LanguageRequest, language: str) -> str:
    """The system prompt without examples and table."""
    attributes = "; ".join(f"{name}: {meaning}" for name, meaning in ATTRIBUTE_MEANINGS.items())
    text = _template(language if language in LANGUAGES else "en").substitute(
        operations=operations_text(),
        attributes=attributes,
        next=request.next_number,
        most=request.max_pictures,
    )
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
    if request.language and request.language not in LANGUAGES:
        text += f"\n- Answer in the language with the code {request.language}."
    return text


def picture_table(pictures: Sequence[PictureLine], rows: int | None, mentioned: str = "") -> str:
    """The thread's pictures, one a line; of a long table the last `rows`, the current and the mentioned ones."""
    if not pictures:
        return "There are no pictures in this thread yet."
    kept = pictures
    if rows is not None and len(pictures) > rows:
        numbers = set(_numbers(mentioned))
        last = pictures[len(pictures) - rows :]
        kept = [line for line in pictures if line in last or line.current or line.number in numbers]
    lines = ["Pictures in this thread:"]
    if len(kept) < len(pictures):
        lines.append(f"({len(pictures) - len(kept)} older ones are not listed)")
    return "\n".join([*lines, *(_table_line(line) for line in kept)])


def _table_line(line: PictureLine) -> str:
    parent = f" of {line.parent}" if line.parent is not None else ""
    marks = [mark for mark, holds in (("current", line.current), ("latest", line.latest_batch)) if holds]
    words = " ".join(line.description.split())[:_MAX_DESCRIPTION]
    author = f" (for {line.author})" if line.author else ""
    return f"#{line.number} {line.operation.value}{parent}: {words}{author}" + (
        f" [{', '.join(marks)}]" if marks else ""
    )


def _numbers(text: str) -> Iterable[int]:
    words = "".join(char if char.isdecimal() else " " for char in text).split()
    return (int(word) for word in words if len(word) <= 9)


def render_messages(request: LanguageRequest, profile: Profile, budget_tokens: int) -> list[ChatMessage]:
    """The messages of a request.

    Args:
        budget_tokens: For the whole prompt; room for the reply is the caller's to leave.
    """
    user = _spoken(request.user)
    after = _repair(request)
    if request.plain:
        fixed: list[ChatMessage] = [{"role": "system", "content": request.system}] if request.system else []
        head = fixed
        table = ""
    else:
        head, table = _head(request, profile, budget_tokens, user)
    room = budget_tokens - _cost([*head, *after]) - estimate_tokens(table)
    user = _cut(user, max(room - _MESSAGE_TOKENS, 16))
    room -= estimate_tokens(user) + _MESSAGE_TOKENS
    history = _fitting(request.history, room)
    asked: ChatMessage = {"role": "user", "content": f"{table}\n\n{user}" if table else user}
    return _for_family([*head, *history, asked, *after], profile)


def _head(request: LanguageRequest, profile: Profile, budget: int, user: str) -> tuple[list[ChatMessage], str]:
    """System prompt and examples, and the picture table; as much of both as leaves room for the message."""
    system = system_text(request, request.language or profile.language)
    wanted = min(estimate_tokens(user) + _MESSAGE_TOKENS, budget // 3)
    choices = ((True, None), (True, TABLE_ROWS), (False, TABLE_ROWS), (False, 3))
    head: list[ChatMessage] = []
    table = ""
    for shots, rows in choices:
        head = _with_shots(system, profile) if shots else [{"role": "system", "content": system}]
        table = picture_table(request.pictures, rows, user)
        if _cost(head) + estimate_tokens(table) + wanted <= budget:
            break
    return head, table


def _with_shots(system: str, profile: Profile) -> list[ChatMessage]:
    if not profile.shots_as_turns:
        shown = "\n\n".join(f"User: {user}\nAssistant: {assistant}" for user, assistant in few_shots())
        return [{"role": "system", "content": f"{system}\n\nExamples from other threads:\n\n{shown}"}]
    messages: list[ChatMessage] = [
        {"role": "system", "content": f"{system}\n\nThe first turns are examples from another thread."}
    ]
    for user, assistant in few_shots():
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return messages


def _repair(request: LanguageRequest) -> list[ChatMessage]:
    if request.repair is None:
        return []
    numbers = ", ".join(str(line.number) for line in request.pictures) or "none"
    problems = "\n".join(f"- {problem}" for problem in request.repair.problems)
    wish = (
        f"Some tags of your reply could not be carried out:\n{problems}\nPictures that exist: {numbers}. "
        "Write only the corrected tags again, one for each problem in the same order, without any other words."
    )
    return [{"role": "assistant", "content": request.repair.reply[:4000]}, {"role": "user", "content": wish}]


def _spoken(said: Said) -> str:
    return f"{said.name}: {said.text}" if said.name and said.role == "user" else said.text


def _fitting(history: Sequence[Said], room: int) -> list[ChatMessage]:
    """The newest turns that fit, beginning with a person's."""
    kept: list[ChatMessage] = []
    for said in reversed(history):
        message: ChatMessage = {"role": "assistant" if said.role == "assistant" else "user", "content": _spoken(said)}
        room -= _cost([message])
        if room < 0:
            break
        kept.insert(0, message)
    while kept and kept[0]["role"] == "assistant":
        kept.pop(0)
    return kept


def _cost(messages: Iterable[ChatMessage]) -> int:
    return sum(estimate_tokens(message["content"]) + _MESSAGE_TOKENS for message in messages)


def _cut(text: str, tokens: int) -> str:
    """The beginning of a text that fits, cut between words and marked."""
    if estimate_tokens(text) <= tokens:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate_tokens(text[:middle] + CUT_MARK) <= tokens else (low, middle - 1)
    head = text[:low]
    at_word = head.rfind(" ")
    return (head[:at_word] if at_word > low // 2 else head).rstrip() + CUT_MARK


def _for_family(messages: list[ChatMessage], profile: Profile) -> list[ChatMessage]:
    """Fold the system role and join neighbours of one role where the family wants it."""
    out: list[ChatMessage] = []
    for message in messages:
        role = message["role"] if profile.system or message["role"] != "system" else "user"
        joins = bool(out) and out[-1]["role"] == role and (profile.merge or not profile.system)
        if joins:
            out[-1] = {"role": role, "content": out[-1]["content"] + "\n\n" + message["content"]}
        else:
            out.append({"role": role, "content": message["content"]})
    return out
