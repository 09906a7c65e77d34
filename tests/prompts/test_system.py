"""What a language model is sent: rules from the table, pictures, history within the budget, per family."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.model import Operation, Vocabulary
from prompts.operations import ATTRIBUTE_MEANINGS
from prompts.profiles import Profile, profile_for, profiles
from prompts.protocol import OPERATIONS, Directive, parse
from prompts.request import LanguageRequest, PictureLine, Repair, Said
from prompts.system import CUT_MARK, ChatMessage, estimate_tokens, few_shots, render_messages, system_text

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
    for name in row.attributes:
        assert f"{name}: {ATTRIBUTE_MEANINGS[name]}" in text


def test_the_examples_show_every_operation_and_a_plain_answer() -> None:
    shown = [[s for s in parse(assistant) if isinstance(s, Directive)] for _, assistant in few_shots()]
    assert {d.operation.value for turn in shown for d in turn} == set(OPERATIONS)
    assert all(d.problem is None for turn in shown for d in turn)
    assert [] in shown


@pytest.mark.parametrize("profile", profiles().values(), ids=lambda profile: profile.name)
def test_every_family_gets_a_legal_order_of_roles(profile: Profile) -> None:
    history = (Said("user", "a fox", "Bo"), Said("user", "please", "Cy"), Said("assistant", "Here"))
    messages = render_messages(asked(history=history), profile, 8000)
    roles = [message["role"] for message in messages]
    assert ("system" in roles) == profile.system
    assert "system" not in roles[1:]
    assert messages[-1]["content"].endswith("Ada: make it blue")
    assert "Bo: a fox" in whole(messages)
    if profile.merge:
        turns = [role for role in roles if role != "system"]
        assert all(a != b for a, b in itertools.pairwise(turns))
    assert ("three ideas" in messages[0]["content"]) or profile.shots_as_turns


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


def test_of_a_long_table_the_last_the_current_and_the_mentioned_stay() -> None:
    pictures = tuple(line(n, current=n == 3) for n in range(1, 200))
    text = whole(render_messages(asked("edit #7 please", pictures=pictures), GENERIC, 3200))
    assert all(f"#{n} image" in text for n in (3, 7, 199, 190))
    assert "#100 image" not in text
    assert "older ones are not listed" in text


def test_a_message_alone_over_the_budget_is_cut_between_words_with_a_mark() -> None:
    messages = render_messages(asked("word " * 20_000), GENERIC, 3000)
    assert messages[-1]["content"].endswith("word" + CUT_MARK)
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
