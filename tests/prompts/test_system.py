"""What a language model is sent: rules from the table, pictures, history within the budget, per family."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.model import Operation, Vocabulary
from prompts.operations import ATTRIBUTES, TAUGHT, Skill
from prompts.profiles import Profile, profile_for, profiles
from prompts.protocol import OPERATIONS, Directive, Text, parse
from prompts.request import LanguageRequest, PictureLine, Repair, Said
from prompts.system import (
    CUT_MARK,
    ChatMessage,
    estimate_tokens,
    example_marks,
    few_shots,
    picture_table,
    render_messages,
    system_text,
)

GENERIC = profile_for("some-model")
TURNS = profile_for("gpt-4o")


def line(number: int, *, current: bool = False) -> PictureLine:
    return PictureLine(number, Operation.IMAGE, None, f"picture of thing{number}", "Ada", current, current)


def asked(text: str = "make it blue", **changes: object) -> LanguageRequest:
    return dataclasses.replace(LanguageRequest(Said("user", text, "Ada")), **changes)  # type: ignore[arg-type]


def whole(messages: list[ChatMessage]) -> str:
    return "\n".join(message["content"] for message in messages)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("row", OPERATIONS.values(), ids=lambda row: row.name)
def test_the_system_prompt_teaches_every_row_of_the_table(language: str, row: object) -> None:
    from prompts.operations import OperationRow

    assert isinstance(row, OperationRow)
    text = system_text(asked(), language)
    assert row.example in text
    assert row.meaning in text
    tag = next(line for line in text.splitlines() if line.startswith(f"- <{row.name} "))
    for name in row.attributes:
        assert (f' {name}="' in tag) == (name in ATTRIBUTES)
        assert f"{name}: {ATTRIBUTES.get(name, '')}" in text or name not in ATTRIBUTES


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("skill", Skill)
def test_a_model_is_taught_what_the_engines_can_do_and_nothing_else(language: str, skill: Skill) -> None:
    attributes, lesson = TAUGHT[skill]
    without, text = (
        system_text(replace(asked(), skills=has), language) for has in (frozenset[Skill](), frozenset({skill}))
    )
    assert lesson in text
    assert lesson not in without
    for name in attributes:
        assert f' {name}="…"' in text
        assert f' {name}="…"' not in without
    for tag in parse(lesson.replace("…", "a fox")):
        assert isinstance(tag, Text) or tag.problem is None


def test_the_table_shows_every_parent() -> None:
    line = PictureLine(4, Operation.EDIT, 1, "a fox", "Ada", others=(3,))
    assert "#4 edit of 1 and 3: a fox (for Ada)" in picture_table((line,), 5)


def test_the_examples_show_everything_that_a_tag_can_make_and_a_plain_answer() -> None:
    shown = [[s for s in parse(assistant) if isinstance(s, Directive)] for _, assistant in few_shots()]
    made = {row.operation.makes for row in OPERATIONS.values()}
    assert {d.operation.makes for turn in shown for d in turn} == made
    assert all(d.problem is None for turn in shown for d in turn)
    assert [] in shown


def test_no_example_can_be_taken_for_the_thread() -> None:
    """What an example shows last, or in common with another, is what a small model copies."""
    replies = [[s for s in parse(assistant) if isinstance(s, Directive)] for _, assistant in few_shots()]
    assert replies[-1] == []
    numbers = [directive.id for reply in replies for directive in reply if directive.id is not None]
    assert len(set(numbers)) == len(numbers)
    for (user, _), reply in zip(few_shots(), replies, strict=True):
        free = int(re.findall(r"The next new picture is number (\d+)\.", user)[0])
        named = [directive.id for directive in reply if directive.id is not None]
        assert named == list(range(free, free + len(named)))
        assert all(f"#{d.source} " in user for d in reply if d.source is not None)
    described = " ".join(d.description for reply in replies for d in reply)
    rows = [d for row in OPERATIONS.values() for d in parse(row.example) if isinstance(d, Directive)]
    popular = "cat dog fox logo robot dragon castle city space forest sunset portrait car snow cartoon photo realistic"
    assert not set(re.findall(r"\w+", described + " ".join(d.description for d in rows))) & set(popular.split())


def test_the_words_that_tell_a_copy_stand_in_the_examples() -> None:
    text = " ".join(assistant for _, assistant in few_shots()).casefold()
    told = [mark for mark in example_marks() if mark.rstrip("s") in text]
    assert len(told) >= len(example_marks()) * 0.6


@pytest.mark.parametrize("profile", profiles().values(), ids=lambda profile: profile.name)
def test_every_family_gets_a_legal_order_of_roles(profile: Profile) -> None:
    history = (Said("user", "a fox", "Bo"), Said("user", "please", "Cy"), Said("assistant", "Here"))
    messages = render_messages(asked(history=history), profile, 8000)
    roles = [message["role"] for message in messages]
    assert ("system" in roles) == profile.system
    assert "system" not in roles[1:]
    assert messages[-1]["content"].endswith('<msg from="Ada">make it blue</msg>')
    assert '<msg from="Bo">a fox</msg>' in whole(messages)
    if profile.merge:
        turns = [role for role in roles if role != "system"]
        assert all(a != b for a, b in itertools.pairwise(turns))
    assert (few_shots()[0][0] in messages[0]["content"]) or profile.shots_as_turns


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-mini", "chatgpt"),
        ("o3-mini", "chatgpt"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama"),
        ("Baichuan2-13B-Chat", "baichuan"),
        ("internlm2-chat-7b", "internlm"),
        ("Qwen/Qwen2.5-7B", "qwen"),
        ("claude-sonnet", "claude"),
        ("models/gemini-2.0-flash", "gemini"),
        ("mystery", "generic"),
        ("", "generic"),
    ],
)
def test_the_family_is_known_by_the_models_name(model: str, family: str) -> None:
    assert profile_for(model).name == family


def test_a_family_can_be_chosen_and_a_wrong_one_is_told() -> None:
    assert profile_for("mystery", "qwen").name == "qwen"
    with pytest.raises(ValueError, match=r"generic"):
        profile_for("mystery", "nonsense")


def test_the_oldest_history_goes_first() -> None:
    history = tuple(Said("user", f"turn{n} " + "word " * 100) for n in range(40))
    text = whole(render_messages(asked(history=history, pictures=(line(1, current=True),)), GENERIC, 4000))
    assert "turn39 " in text
    assert "turn0 " not in text
    assert "#1 image: picture of thing1 (for Ada) [current, latest]" in text


def talk(turns: int, words: int = 4) -> tuple[Said, ...]:
    """A history of `turns` messages, a person's and the model's by turns."""
    return tuple(
        Said("assistant", f"answer{n} " + "word " * words, index=n)
        if n % 2 == 0
        else Said("user", f"wish{n} " + "word " * words, "Ada", index=n)
        for n in range(1, turns + 1)
    )


def shared(before: list[ChatMessage], after: list[ChatMessage]) -> int:
    """How many messages two prompts have in common from their beginning."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


@pytest.mark.parametrize("profile", profiles().values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize(
    ("window", "budget", "words"), [(24, 20_000, 4), (24, 5_000, 60), (200, 6_000, 60), (24, 4_200, 150)]
)
def test_the_next_prompt_repeats_the_last_one_up_to_its_newest_message(
    profile: Profile, window: int, budget: int, words: int
) -> None:
    """A server that caches prompts reads only what is new; the window moves by blocks, not with every turn."""
    prompts = []
    for turns in range(0, 80, 2):
        request = asked(
            f"wish{turns + 1} " + "word " * words,
            history=talk(turns, words)[-window:],
            pictures=tuple(line(n) for n in range(1, turns // 4 + 1))[-4:],
            next_number=turns // 4 + 1,
        )
        prompts.append(render_messages(request, profile, budget))
    head = shared(prompts[0], prompts[-1])
    assert "examples" in whole(prompts[0][: head + 1]).casefold()
    kept = [shared(a, b) >= len(a) - 1 for a, b in itertools.pairwise(prompts)]
    least = 3 if words < 100 else 2  # exchanges between two moves of the window
    moves = [at for at, same in enumerate(kept) if not same]
    assert len(moves) <= len(kept) / least
    assert words > 100 or all(b - a >= least for a, b in itertools.pairwise(moves)), moves
    assert all(f"wish{2 * at - 1} " in whole(prompt) for at, prompt in enumerate(prompts) if at)


def test_a_short_thread_is_told_from_its_beginning_wherever_that_is() -> None:
    assert "wish3 " in whole(render_messages(asked(history=talk(9)[2:]), GENERIC, 8000))


def test_the_system_prompt_is_the_same_whatever_number_comes_next() -> None:
    one, other = asked(), asked(next_number=31, pictures=(line(30),))
    assert render_messages(one, TURNS, 8000)[:-1] == render_messages(other, TURNS, 8000)[:-1]
    assert "The next new picture is number 31." in render_messages(other, TURNS, 8000)[-1]["content"]


@pytest.mark.parametrize(
    ("chosen", "profile", "sentence"),
    [
        (None, "generic", "Answer in the language of the newest message."),
        ("en", "generic", "Always answer in English."),
        ("de", "generic", "Always answer in the language with the code de."),
        ("zh", "generic", "一律用中文回答。"),
        (None, "internlm", "用最新一条消息的语言回答。"),
        ("en", "internlm", "Always answer in English."),
        ("fr", "internlm", "一律用代码为 fr 的语言回答。"),
    ],
)
def test_the_language_of_the_answer_is_the_messages_unless_one_is_set(
    chosen: str | None, profile: str, sentence: str
) -> None:
    assert sentence in render_messages(asked(language=chosen), profiles()[profile], 8000)[0]["content"]


def test_of_a_long_table_the_last_the_current_and_the_mentioned_stay() -> None:
    pictures = tuple(line(n, current=n == 3) for n in range(1, 200))
    text = whole(render_messages(asked("edit #7 please", pictures=pictures), GENERIC, 3200))
    assert all(f"#{n} image" in text for n in (3, 7, 199, 190))
    assert "#100 image" not in text
    assert "older ones are not listed" in text


def test_a_message_alone_over_the_budget_is_cut_between_words_with_a_mark() -> None:
    messages = render_messages(asked("word " * 20_000), GENERIC, 3000)
    assert messages[-1]["content"].endswith("word" + CUT_MARK + "</msg>")
    assert sum(estimate_tokens(message["content"]) for message in messages) <= 3000


@given(st.text(max_size=3000), st.integers(2600, 9000), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_the_budget_holds_for_any_message(text: str, budget: int, pictures: int) -> None:
    request = asked(text, pictures=tuple(line(n) for n in range(pictures)), history=(Said("assistant", text),) * 9)
    for profile in (GENERIC, TURNS):
        messages = render_messages(request, profile, budget)
        assert sum(estimate_tokens(message["content"]) for message in messages) <= budget


def test_a_repair_says_what_was_wrong_and_lists_the_pictures() -> None:
    repair = Repair("Here <select>9</select>", ("There is no picture 9 in this thread.",))
    messages = render_messages(asked(pictures=(line(1), line(2)), repair=repair), TURNS, 8000)
    assert messages[-2] == {"role": "assistant", "content": repair.reply}
    assert "no picture 9" in messages[-1]["content"]
    assert "1, 2" in messages[-1]["content"]


def test_a_closed_vocabulary_is_told() -> None:
    vocabulary = Vocabulary(("cat",), ("beach",), ("red",), {})
    assert "only these things: cat; these backgrounds: beach" in system_text(asked(vocabulary=vocabulary), "en")


def test_a_plain_request_has_no_protocol() -> None:
    messages = render_messages(asked("a fox", plain=True, system="Rewrite it."), TURNS, 2000)
    assert messages == [
        {"role": "system", "content": "Rewrite it."},
        {"role": "user", "content": "Ada: a fox"},
    ]
