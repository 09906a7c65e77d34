"""The parser from outside: the malformed table row by row, and the properties that hold for any text."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.model import Operation
from prompts import parse_tool
from prompts.operations import ROLES, SIDES
from prompts.protocol import (
    OPERATIONS,
    Body,
    Directive,
    Segment,
    StreamParser,
    Text,
    escape_user_text,
    parse,
    render_directive,
    segments_to_json,
    unescape_user_text,
)

FOX = Directive(Operation.IMAGE, description="a fox")


def chunked(text: str, size: int) -> list[Segment]:
    parser = StreamParser()
    segments: list[Segment] = []
    for start in range(0, len(text), size):
        segments += parser.feed(text[start : start + size])
    return parse_tool.merged(segments + parser.close())


@pytest.mark.parametrize(
    "text",
    [
        "<image>a fox</image>",
        "<IMAGE> a fox </Image>",
        "< image > a fox < / image >",
        "&lt;image&gt; a fox &lt;/image&gt;",
        "&#60;image&#x3E; a fox &LT;/image&GT;",
        "＜image＞ a fox ＜／image＞",
        "<image>\n a\n fox\n</image>",
        "<image> a fox </edit>",
        "<image> a fox",
        "<image> a fox </im",
        '<image description="a fox"/>',
    ],
)
def test_every_spelling_of_a_tag_is_read_as_meant(text: str) -> None:
    assert parse(text) == [FOX]


@pytest.mark.parametrize(
    "attributes",
    [
        'id="4" prev_id="2"',
        "id='4' prev_id='2'",
        "ID=4 Prev_Id=2",
        "id = “4”  from=„2“",
        "id='#4' of='picture 2'",
        'id="4"prev_id="2"',
        "id=＂4＂ ref=＂２＂",
        "id=&quot;4&quot; prev-id=&#39;2&#39;",
        'id="four" prev_id="two"',
    ],
)
def test_every_spelling_of_attributes_is_read_as_meant(attributes: str) -> None:
    assert parse(f"<edit {attributes}> a fox </edit>") == [Directive(Operation.EDIT, 4, 2, "a fox")]


@pytest.mark.parametrize("operation", ["variation", "select", "refine"])
@pytest.mark.parametrize(
    "tag",
    [
        '<X ref="2"/>',
        "<X ref=2/>",
        '<X id="2"></X>',
        "<X>2</X>",
        "<X> #2 </X>",
        "<X>picture 2</X>",
        "<X>the image no. 2.</X>",
        "<X>第2张图</X>",
        "<X 2/>",
        "<X>2",
    ],
)
def test_a_reference_may_stand_in_body_or_attribute(operation: str, tag: str) -> None:
    assert parse(tag.replace("X", operation)) == [Directive(Operation(operation), source=2)]


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("9:16", "tall"),
        ("16:9", "wide"),
        ("1:1", "square"),
        ("4:5", "tall"),
        ("3 / 2", "wide"),
        ("2.39:1", "wide"),
        ("portrait", "tall"),
        ("Landscape", "wide"),
        ("1024x1536", "tall"),
        ("1536×1024", "wide"),
        ("1024px * 1024px", "square"),
        ("1000:1100", "square"),
    ],
)
@pytest.mark.parametrize("name", ["size", "aspect_ratio", "orientation"])
def test_a_size_may_be_a_word_a_ratio_or_pixels(name: str, written: str, size: str) -> None:
    assert parse(f'<image {name}="{written}">a fox</image>') == [replace(FOX, size=size)]


@pytest.mark.parametrize("count", ["2", "two", "x2", "2 pictures", "2 images", "two times", "2张"])
def test_a_count_may_be_written_out(count: str) -> None:
    assert parse(f'<image count="{count}">a fox</image>') == [replace(FOX, count=2)]


def test_numbers_for_each_picture_of_a_count_are_read_as_meant() -> None:
    assert parse('<image id="5-6" count="2">a fox</image>') == [replace(FOX, id=5, count=2)]


@pytest.mark.parametrize("operation", ["select", "refine"])
def test_a_count_where_it_means_nothing_is_left_out(operation: str) -> None:
    assert parse(f'<{operation} id="19" count="18">18</{operation}>') == [Directive(Operation(operation), 19, 18)]


@pytest.mark.parametrize("body", ["2: a fox, 3 years old", "#2 (the fox)", "image 2.", "[2]", "No. 2"])
def test_a_caption_behind_the_number_changes_nothing(body: str) -> None:
    assert parse(f"<variation>{body}</variation>") == [Directive(Operation.VARIATION, source=2)]


def test_an_own_number_beside_the_reference_is_kept() -> None:
    assert parse('<variation id="5" count="3">2</variation>') == [Directive(Operation.VARIATION, 5, 2, count=3)]


def test_all_attributes_of_a_new_picture() -> None:
    text = '<image id=3 count="2" size=WIDE style="oil paint" negative="text, people"> a fox </image>'
    assert parse(text) == [
        Directive(Operation.IMAGE, 3, None, "a fox", 2, "wide", style="oil paint", negative="text, people")
    ]


def test_a_missing_close_tag_ends_at_the_next_open_tag() -> None:
    assert parse("A <image> a fox <select>1</select> B") == [
        Text("A "),
        FOX,
        Directive(Operation.SELECT, source=1),
        Text(" B"),
    ]


def test_an_edit_without_reference_is_left_to_the_router() -> None:
    assert parse("<edit> a blue fox </edit>") == [Directive(Operation.EDIT, description="a blue fox")]


def test_an_unclosed_quote_does_not_swallow_the_tag() -> None:
    assert parse('<image id="1> a fox </image> ok') == [Directive(Operation.IMAGE, 1, None, "a fox"), Text(" ok")]


def test_quotes_may_hold_a_closing_bracket_and_an_apostrophe() -> None:
    assert parse("<image style='van Gogh's > all'>a fox</image>") == [
        Directive(Operation.IMAGE, description="a fox", style="van Gogh's > all")
    ]


@pytest.mark.parametrize(
    ("tag", "word"),
    [
        ('<image count="900">a fox</image>', "900"),
        ("<image count=0>a fox</image>", "from 1 to 4"),
        ("<image size=huge>a fox</image>", "huge"),
        ("<image id=fox>a fox</image>", "fox"),
        ("<image></image>", "description"),
        ("<edit prev_id=1>  </edit>", "description"),
        ('<edit prev_id="the dog">a fox</edit>', "the dog"),
        ("<variation></variation>", "no picture"),
        ("<refine>the fox</refine>", "the fox"),
        ("<select/>", "no picture"),
        ("<select ref=1>2</select>", "two pictures"),
        ("<select>99999999999999999999999</select>", "999"),
        (f"<image>{'x' * 9000}</image>", "longer"),
        ('<variation id="4">2, 3</variation>', "2, 3"),
        ('<variation id="4" 2 3/>', "several"),
        ("<select>#1 and #3</select>", "several"),
        ("<refine>1-3</refine>", "several"),
        ('<edit prev_id="1,2,3,4,5">a fox</edit>', "at most 4"),
        ('<edit prev_id="1-99">a fox</edit>', "at most 4"),
        ('<edit prev_id="2" expand="sideways">a fox</edit>', "left, right, up, down or all"),
        ('<image background="white">a fox</image>', "must be none"),
        ("<refine id=9>pictures 1 & 2</refine>", "several"),
        ("<select>2 (and 3)</select>", "several"),
        ("<variation>1: 3</variation>", "several"),
        ("<variation>第二张和第三张</variation>", "several"),
        ("<variation ref=2>2, 3</variation>", "several"),
        ('<image id="1, 2">a fox</image>', "several"),
        ('<image id="1-3" count="2">a fox</image>', "several"),
        ('<variation id="4"> a fox in snow </variation>', "a fox in snow"),
        ('<refine prev_id="3"> a fox at night </refine>', "change picture 3"),
        ("<refine>3 but at night</refine>", "3 but at night"),
        ('<refine ref="3" prompt="a fox at night"/>', "a fox at night"),
        ('<variation style="watercolor">3</variation>', "watercolor"),
        ('<select id="3">the second one</select>', "the second one"),
        ('<edit prev_id="1" count="3">a fox</edit>', "makes one picture"),
        ("<edit prev_id=1 count=two>a fox</edit>", "makes one picture"),
        ("<image size=16:9:3>a fox</image>", "16:9:3"),
        ("<image size=0x1024>a fox</image>", "0x1024"),
    ],
)
def test_what_cannot_run_says_so_in_one_sentence(tag: str, word: str) -> None:
    [directive] = parse(tag)
    assert isinstance(directive, Directive)
    assert directive.problem is not None
    assert word in directive.problem
    assert directive.problem.endswith(".")
    assert "\n" not in directive.problem


@pytest.mark.parametrize(
    "text",
    [
        "I write `<image> a fox </image>` for that.",
        "``a ` <image> b`` c",
        "```html\nLook: <image> a fox </image>\n```\n",
        "~~~\n<image> a fox </image> is how\n~~~",
        "```<image> a fox </image>```",
        "<picture>x</picture> <imagery> <b>bold</b> <img src='a'> <image-set>",
        'cut <image id="1" a fox',
        "<image",
        "cut <image id=1 <b>",
        "stray </image> here </edit>",
        "a < b and c <3 i<image",
        "&lt;b&gt; &amp; &lt",
        "<select name=x><option value=1>One</option></select>",
        r"<\image> a fox <\/image>",
        "`",
        "",
    ],
)
def test_what_is_no_tag_is_plain_text(text: str) -> None:
    assert parse(text) == ([Text(text)] if text else [])


def test_a_fence_that_holds_only_tags_is_meant() -> None:
    assert parse("```xml\n<image> a fox </image>\n```\nThere.") == [Text("```xml\n"), FOX, Text("\n```\nThere.")]


def test_a_lone_backtick_hides_no_tag() -> None:
    assert parse("It` s <image>a fox</image>\nand `code`") == [Text("It` s "), FOX, Text("\nand `code`")]


def test_tags_after_a_closed_fence_are_read() -> None:
    assert parse("```\ncode\n```\n<image>a fox</image>")[-1] == FOX


def test_text_flows_as_soon_as_it_is_decided() -> None:
    parser = StreamParser()
    assert parser.feed("Hello <") == [Text("Hello ")]
    assert parser.feed("3 `co") == [Text("<3 `co")]
    assert parser.feed("de` ```\n") == [Text("de` ```\n")]
    assert parser.feed("<ima") == []
    assert parser.feed("ge>a fox</image") == []
    assert parser.feed(">") == [FOX]


@pytest.mark.parametrize(
    "unit", ["<", "`", "` ", "<image ", '<image a="', "a>", "<image>", "&", "&l", "\n```", "~", "`<image "]
)
def test_what_is_held_back_is_bounded(unit: str) -> None:
    parser = StreamParser()
    held = []
    for _ in range(300):
        parser.feed(unit * 100)
        held.append(len(parser._buffer))
    assert max(held) < 20_000


def calls(text: str) -> int:
    """Function calls, built-in ones too, that parsing takes."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        parse(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("unit", ["<", "` ", "<image ", "<image>", '<image a="a>', "\n```", "`<image>``", "&lt;image "])
def test_twice_the_text_takes_at_most_about_twice_the_calls(unit: str) -> None:
    assert calls(unit * 4000) <= 2.2 * calls(unit * 2000) + 200


PIECES = st.sampled_from(
    [
        *(f"<{name}" for name in OPERATIONS),
        *(f"</{name}>" for name in OPERATIONS),
        *"<>＜＞/\"'`~\n =2#&“”",
        "&lt;",
        "&gt;",
        "&quot;",
        "```",
        "```\n",
        "~~~\n",
        "``",
        "image",
        ' id="1"',
        " ref=2",
        " prev_id='3'",
        "picture ",
        " a fox ",
        "\\",
        "<b>",
        "\ud800",
        "狐",
        "\u200f",
        "\r\n",
    ]
)
SOUP = st.lists(st.one_of(PIECES, PIECES, PIECES, st.text(max_size=5)), max_size=40).map("".join)


@given(SOUP, st.integers(1, 9))
@settings(max_examples=600, deadline=None)
def test_any_chunking_gives_the_same(text: str, size: int) -> None:
    assert chunked(text, size) == parse(text)


@given(SOUP)
@settings(max_examples=400, deadline=None)
def test_text_is_preserved_in_order(text: str) -> None:
    at = 0
    segments = parse(text)
    for segment in segments:
        if isinstance(segment, Text):
            found = text.find(segment.text, at)
            assert found >= at
            at = found + len(segment.text)
    if all(isinstance(segment, Text) for segment in segments):
        assert "".join(segment.text for segment in segments if isinstance(segment, Text)) == text


@given(SOUP)
@settings(max_examples=400, deadline=None)
def test_escaped_words_are_never_a_tag_and_come_back(text: str) -> None:
    escaped = escape_user_text(text)
    assert unescape_user_text(escaped) == text
    assert all(isinstance(segment, Text) for segment in parse(escaped))
    assert all(isinstance(segment, Text) for segment in parse(f"Ada: {escaped} "))


WORDS = SOUP.map(lambda text: " ".join(text.split()))
NUMBERS = st.none() | st.integers(0, 999_999_999)


@st.composite
def directives(draw: st.DrawFn) -> Directive:
    row = draw(st.sampled_from(list(OPERATIONS.values())))
    has = set(row.attributes)
    described = row.body is Body.DESCRIPTION
    parents = draw(st.lists(st.integers(0, 999_999_999), unique=True, max_size=4 if described else 1))
    role = draw(st.sampled_from([None, *ROLES])) if "as" in has else None
    if "from" in has and role is None and len(parents) == 1:
        parents = []  # on a new picture one number without a role says nothing
    if not described:
        parents = parents or [draw(st.integers(0, 999_999_999))]
    source, others = next(iter(parents), None), tuple(parents[1:])
    return Directive(
        row.operation,
        id=draw(NUMBERS),
        source=source,
        description=draw(WORDS.filter(bool)) if described else "",
        count=draw(st.integers(1, 4)) if "count" in has else 1,
        size=draw(st.sampled_from([None, "square", "wide", "tall"])) if "size" in has else None,
        change=draw(st.sampled_from([None, "small", "large"])) if "change" in has else None,
        style=draw(st.none() | WORDS.filter(bool)) if "style" in has else None,
        negative=draw(st.none() | WORDS.filter(bool)) if "negative" in has else None,
        others=others,
        role=role,
        region=draw(st.none() | WORDS.filter(bool)) if "region" in has else None,
        expand=draw(st.sampled_from([None, *SIDES])) if "expand" in has else None,
        background=draw(st.sampled_from([None, "none"])) if "background" in has else None,
    )


@given(directives())
@settings(max_examples=600, deadline=None)
def test_a_rendered_directive_reads_back_the_same(directive: Directive) -> None:
    assert parse(render_directive(directive)) == [directive]


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=lambda row: row.name)
def test_the_examples_of_the_table_are_legal(row: Any) -> None:
    [directive] = parse(row.example)
    assert isinstance(directive, Directive)
    assert directive.operation is row.operation
    assert directive.problem is None


def test_the_json_has_the_fields_of_the_contract() -> None:
    assert segments_to_json(parse("a<image id=1>b</image>")) == [
        {"kind": "text", "text": "a"},
        {
            "kind": "directive",
            "operation": "image",
            "id": 1,
            "source": None,
            "description": "b",
            "count": 1,
            "size": None,
            "change": None,
            "style": None,
            "negative": None,
            "problem": None,
        },
    ]


@given(st.binary(max_size=200), st.none() | st.integers(1, 5))
@settings(deadline=None)
def test_the_command_takes_any_bytes(data: bytes, chunk: int | None) -> None:
    out = io.StringIO()
    assert parse_tool.run(io.BytesIO(data), out, chunk) == 0
    assert isinstance(json.loads(out.getvalue().encode("ascii")), list)


@pytest.mark.parametrize(
    ("tag", "sources"),
    [
        ('<edit prev_id="1,3">a fox</edit>', (1, 3)),
        ('<edit prev_id="1" from="3">a fox</edit>', (1, 3)),
        ('<edit prev_id="#3 and #1">a fox</edit>', (3, 1)),
        ('<edit prev_id="1-3">a fox</edit>', (1, 2, 3)),
        ('<edit prev_id="2, 2">a fox</edit>', (2,)),
        ('<edit from="pictures one, two & 4">a fox</edit>', (1, 2, 4)),
        ('<image prev_id="1, 3">a fox</image>', (1, 3)),
        ('<image from="2" as="style">a fox</image>', (2,)),
        ('<image from="2" as="the look">a fox</image>', (2,)),
        ('<image from="2">a fox</image>', ()),
        ('<image as="style">a fox</image>', ()),
    ],
)
def test_every_parent_that_is_named_is_one(tag: str, sources: tuple[int, ...]) -> None:
    [directive] = parse(tag)
    assert isinstance(directive, Directive)
    assert (directive.sources, directive.problem) == (sources, None)


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ('region="the sky"', "region", "the sky"),
        ("area='the left door'", "region", "the left door"),
        ('expand="left"', "expand", "left"),
        ('zoom="out"', "expand", "all"),
        ("expand=top", "expand", "up"),
        ('background="transparent"', "background", "none"),
        ('as="the style"', "role", "style"),
        ('as="person"', "role", "character"),
        ('as="inspiration"', "role", None),
    ],
)
def test_attributes_of_some_engines_are_read_as_meant(attributes: str, field: str, value: str | None) -> None:
    [directive] = parse(f'<edit prev_id="2" {attributes}>a fox</edit>')
    assert isinstance(directive, Directive)
    assert (getattr(directive, field), directive.problem) == (value, None)
    [told] = segments_to_json([directive])
    name = {"role": "as"}.get(field, field)
    assert told.get(name) == value
    assert (name in told) == (value is not None)


def test_the_json_of_a_blend_has_all_its_parents() -> None:
    [told] = segments_to_json(parse('<edit prev_id="1,3">a fox</edit>'))
    assert (told["source"], told["sources"]) == (1, [1, 3])
