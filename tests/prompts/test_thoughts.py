"""Thoughts leave the stream, whatever they are marked with and however it is cut into chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.thoughts import ThoughtFilter, without_thoughts

ANALYSIS = "<|channel|>analysis<|message|>"
DRAFT = "hmm <image> a draft </image>"
CASES = [
    (f"<think>{DRAFT}</think>\n\nHere.", "Here."),
    (f"<thinking>{DRAFT}</thinking>Here.", "Here."),
    (f"<THINK >{DRAFT}</think >Here.", "Here."),
    (f"<thought>{DRAFT}</thought>Here.", "Here."),
    (f"<seed:think>{DRAFT}</seed:think>Here.", "Here."),
    (f"{DRAFT}</think>Here.", "Here."),
    (f"{DRAFT}\n</think>\n\n</think>Here.", "Here."),
    (f"Sure. <think>{DRAFT}</think>Here.", "Sure. Here."),
    (f"One.\n<think>{DRAFT}</think>\nTwo. <think>{DRAFT}</think>Three.", "One.\n\nTwo. Three."),
    (f"<think>{DRAFT} <think> more </think>{DRAFT}</think>Here.", "Here."),
    ("<think></think>Here.", "Here."),
    (f"<think>{DRAFT}", ""),
    (f"[THINK]{DRAFT}[/THINK]Here.", "Here."),
    (f"◁think▷{DRAFT}◁/think▷Here.", "Here."),
    (f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>Here.<|END_RESPONSE|>", "Here."),
    (f"<|begin_of_thought|>{DRAFT}<|end_of_thought|>\n<|begin_of_solution|>Here.<|end_of_solution|>", "Here."),
    (f"<|channel>thought\n{DRAFT}<channel|>Here.", "Here."),
    (f"<unused94>thought\n{DRAFT}<unused95>Here.", "Here."),
    (f"{ANALYSIS}{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>Here.<|return|>", "Here."),
    (f"{ANALYSIS}{DRAFT}<|channel|>final<|message|>Here.", "Here."),
    (f"<|start|>assistant<|channel|>commentary to=functions.draw <|constrain|>json<|message|>{DRAFT}<|call|>", ""),
    ("<|channel|>final <|constrain|>text<|message|>Here.<|return|>", "Here."),
    (f"{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>Here.", "Here."),
    (f"analysisWe need {DRAFT}.assistantfinalHere.", "Here."),
    ("Here.<|im_end|>\n<|im_start|>user\nthanks", "Here."),
    ("Here.<end_of_turn>", "Here."),
    ("<|im_start|>Here.<|eot_id|><image> a draft </image>", "Here."),
    ("Write `<|im_end|>` at the end.", "Write `<|im_end|>` at the end."),
    ("The `<think>` tag opens, `</think>` closes.", "The `<think>` tag opens, `</think>` closes."),
    ("analysis of a fox: good", "analysis of a fox: good"),
    ("analysis", "analysis"),
    (" Here <image> a fox </image> [1] a<b <thin", " Here <image> a fox </image> [1] a<b <thin"),
    ("", ""),
]  # fmt: skip

PIECES = ["<think>", "</think>", "<", "[THINK]", "`", "a", "\n", "<|channel|>", "final", "<|message|>"]


@pytest.mark.parametrize(("said", "reply"), CASES)
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_only_the_reply_is_left(said: str, reply: str, chunk: int) -> None:
    thoughts = ThoughtFilter()
    given_out = ""
    for at in range(0, len(said), chunk):
        piece = thoughts.feed(said[at : at + chunk])
        given_out = piece if thoughts.lone and not given_out.strip() else given_out + piece
        if thoughts.lone:  # what was given out before is taken back by whoever reads
            given_out, thoughts.lone = piece, False
    rest = thoughts.close()
    given_out = rest if thoughts.lone else given_out + rest
    assert given_out == reply
    assert without_thoughts(said) == reply


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 5))
def test_any_cut_gives_the_same(pieces: list[str], chunk: int) -> None:
    said = "".join(pieces)
    thoughts = ThoughtFilter()
    out = ""
    for at in range(0, len(said), chunk):
        piece = thoughts.feed(said[at : at + chunk])
        out = piece if thoughts.lone else out + piece
        thoughts.lone = False
    rest = thoughts.close()
    out = rest if thoughts.lone else out + rest
    assert out == without_thoughts(said)


def test_a_reply_without_thoughts_flows_at_once() -> None:
    thoughts = ThoughtFilter()
    assert [thoughts.feed(piece) for piece in ("Hel", "lo <ima", "ge> a fox")] == ["Hel", "lo <ima", "ge> a fox"]
    assert not thoughts.dropped


def test_thoughts_are_counted_and_told_while_they_last() -> None:
    thoughts = ThoughtFilter()
    thoughts.feed("<think>" + "x" * 500)
    assert thoughts.thinking
    assert thoughts.dropped > 400
    assert thoughts.feed("</think>a") == "a"
    assert not thoughts.thinking
