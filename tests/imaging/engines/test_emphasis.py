"""Weighted words: read as hosts of SDXL write them, and nobody but the embeddings sees the marks."""

from __future__ import annotations

import pytest
import torch

from imaging.engines.emphasis import is_marked, literal, pieces, plain
from imaging.engines.loading import Parts


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a (red:1.3) car", [("a ", 1), ("red", 1.3), (" car", 1)]),
        ("((red)) [car]", [("red", 1.21), (" ", 1), ("car", 1 / 1.1)]),
        ("(a (b:1.5) c:1.2), d", [("a ", 1.2), ("b", 1.8), (" c", 1.2), (", d", 1)]),
        (r"\(a\) \[b\] (c: .5 )", [("(a) [b] ", 1), ("c", 0.5)]),
        ("a smile :( and (x", [("a smile :( and (x", 1)]),
        ("a) b] c:1.2)", [("a) b] c:1.2)", 1)]),
        ("a clock (10:30)", [("a clock ", 1), ("10:30", 1.1)]),
        ("([x)]", [("[x", 1.1), ("]", 1)]),
        ("(nu:1)(de:1)", [("nu", 1), ("de", 1)]),
        ("(x:-1)(y:0)", [("x", -1), ("y", 0)]),
        ("()", [("", 1)]),
        ("(" * 5000 + "x" + ")" * 5000, [("x", 10)]),
    ],
)
def test_marks_are_read_as_hosts_write_them(prompt: str, read: list[tuple[str, float]]) -> None:
    found = pieces(prompt)
    assert [piece.text for piece in found] == [text for text, _ in read]
    assert [piece.weight for piece in found] == pytest.approx([weight for _, weight in read])


def test_words_are_never_joined_and_can_be_had_without_their_marks() -> None:
    assert plain("(nu:1)(de:1)") == "nu de"
    assert plain(r"a ((red)) car, [old] \(1:2\)") == "a red car, old (1:2)"
    for prompt in (r"a (b:1.2) \(c\) \\ [d]", "plain", "a smile :(", r"back\slash"):
        (piece,) = pieces(literal(prompt))
        assert (piece.text, piece.weight) == (prompt, 1)
        assert not is_marked(piece.text) or prompt == piece.text


def test_a_weight_moves_its_words_alone_away_from_the_empty_prompt(tiny_parts: Parts) -> None:
    text = tiny_parts.text
    usual, weighted, empty = (text.encode(words, 1) for words in ("a red car", "a (red:1.5) car", ""))
    assert weighted.tokens == usual.tokens
    assert weighted.words == usual.words
    assert torch.equal(weighted.pooled, usual.pooled)
    (places,) = (places for word, places in usual.spans(text.length) if word == "red")
    others = [place for place in range(text.length) if place not in places]
    assert torch.equal(weighted.embeds[others], usual.embeds[others])
    expected = empty.embeds + 1.5 * (usual.embeds - empty.embeds)
    assert torch.allclose(weighted.embeds[places], expected[places], atol=1e-6)
    assert torch.equal(text.encode("a (red:1) car", 1).embeds, usual.embeds)


def test_a_weight_reaches_into_later_chunks(tiny_parts: Parts) -> None:
    text = tiny_parts.text
    filler = " ".join(["cat"] * (text.length + 3))
    usual, weighted = text.encode(f"{filler} red", 2), text.encode(f"{filler} (red:1.5)", 2)
    changed = (usual.embeds != weighted.embeds).any(1).nonzero().flatten().tolist()
    (places,) = (places for word, places in usual.spans(text.length) if word == "red")
    assert changed == places
    assert min(places) > text.length
