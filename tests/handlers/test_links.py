"""Where words of models or people become links, a reader sees where each leads."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers.export.archive import Content, page, transcript
from handlers.links import destination, guarded, lies, plain_addresses
from handlers.model import Person, Role, TextPart, ThreadKey, Turn
from tests.links import ADDRESSES, LINKS, Link

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
MARKUP = re.compile(r"\[([^\]]*)\]\(")
MARKS = ["[", "]", "(", ")", "<", ">", "`", "```", "\\", "!", " ", "\n", "a", ":", "words"]
HOSTS = ["https://bank.example", "https://evil.example", "https://a@evil.example"]
pieces = st.lists(st.sampled_from(MARKS + HOSTS), max_size=14)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_a_label_that_is_no_place_or_the_very_place_is_honest(link: Link) -> None:
    assert lies(link.label, link.address) is not link.honest


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_in_markdown_a_link_that_lies_is_no_link_and_its_address_is_read(link: Link) -> None:
    shown = guarded(f"see [{link.label}]({link.address}).")
    assert bool(MARKUP.search(shown)) is link.honest
    if link.goal is not None:
        assert link.goal.rstrip("/") in shown


def test_nothing_turns_an_address_around() -> None:
    text = "\u202esee https://docs.example/x and \u2067[the guide](https://docs.example/y)"
    assert guarded(text) == "see https://docs.example/x and [the guide](https://docs.example/y)"
    assert plain_addresses("\u202ahttps://docs.example/") == "https://docs.example/"


@pytest.mark.parametrize(("written", "linked"), ADDRESSES.items())
def test_an_address_in_the_text_cannot_be_misread(written: str, linked: str | None) -> None:
    shown = plain_addresses(f"see {written} now")
    assert destination(written) == linked
    assert (f" {linked} " in shown) if linked else ("://" not in shown)


@pytest.mark.parametrize(
    "text",
    [
        "[https://bank.example][1]\n\n[1]: https://evil.example",
        "> [bank]: https://evil.example\n\n[bank]",
        "[https://bank.example\nx]: https://evil.example\n\n[https://bank.example x]",
        "[https://bank.example\\]]: &#104;ttps://evil.example\n\n[https://bank.example\\]]",
        "- [https://bank.example]: //evil.example\n\n[https://bank.example]",
        "1. [https://bank.example]: https\\://evil.example\n\n[https://bank.example][]",
        "[[https://bank.example]](https://evil.example)",
        "[https://bank.example](<https://evil.example>)",
        '[https://bank.example](https://evil.example "a title")',
        "[https://bank.example](javascript:alert)",
        "[https://bank.example](//evil.example)",
        "[https://bank.example ![x](https://docs.example)](https://evil.example)",
        "[https://bank.example\nor so](https://evil.example)",
        "[**https://bank.example**](https://evil.example)",
        '<a href="https://evil.example">https://bank.example</a>',
    ],
)
def test_other_ways_to_write_a_link_are_text(text: str) -> None:
    """What is no plain link is not left to whoever renders it."""
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark").render(guarded(text))
    linked = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', shown, re.DOTALL)
    assert all(address.rstrip("/") in label or "docs.example" in address for address, label in linked), linked


@given(pieces)
@example(["<", "words", ":", ">"])
@example(["<", "javascript", ":", "words", ">"])
def test_no_mixture_of_markup_leads_astray(words: list[str]) -> None:
    from markdown_it import MarkdownIt

    text = guarded("".join(words))
    assert guarded(text) == text
    for block in MarkdownIt("commonmark").parse(text):
        opened: list[str] = []
        label = ""
        for token in block.children or []:
            if token.type == "link_open":
                opened, label = [str(token.attrs["href"])], ""
            elif token.type == "link_close":
                assert not lies(label, opened[0]), (text, label, opened)
            elif opened:
                label += token.content


def test_what_is_honest_and_what_is_code_stays_as_it_is() -> None:
    text = "See [the guide](https://docs.example/x) and https://docs.example.\n```py\nx = a[0]; y: int = 3\n```"
    assert guarded(text) == text


def test_exports_say_where_links_lead() -> None:
    lie = "[https://bank.example](https://evil.example)"
    person = Person("1", lie)
    key = ThreadKey("web", "-", "c", "t")
    turns = [
        Turn("t1", key, 1, Role.USER, person, lie, MOMENT),
        Turn("t2", key, 2, Role.ASSISTANT, None, "", MOMENT, parts=(TextPart(lie),)),
    ]
    assert "](" not in transcript(turns)
    assert "<a" not in page(Content(turns, []), {})
