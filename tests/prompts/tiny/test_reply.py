"""From command line to tagged reply, while it is being written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.lexicon.glossary import foreign_language, gloss
from prompts.tiny.reply import ReplyContext, TaggedReply
from prompts.tiny.sentences import SENTENCES, size_wanted
from tests.prompts.tiny.lines import streaming_reply, write_command
from tests.prompts.tiny.test_format import commands
from training.tiny.line import Command

CONTEXT = ReplyContext(next_id=5, user="three foxes please")
TAG = re.compile(r"<(\w+)([^>]*)>(.*?)</\1>")


def reply_to(line: str, context: ReplyContext = CONTEXT) -> str:
    return "".join(streaming_reply([line], context))


@given(commands, st.lists(st.integers(1, 12), max_size=40))
def test_how_the_line_is_cut_into_chunks_makes_no_difference(command: object, sizes: list[int]) -> None:
    assert isinstance(command, Command)
    line, chunks = write_command(command), []
    rest = line
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert "".join(streaming_reply([*chunks, rest], CONTEXT)) == reply_to(line)


@given(st.text(max_size=120), st.integers(1, 10))
def test_any_text_gives_a_reply_with_whole_tags_and_the_same_for_every_chunking(text: str, size: int) -> None:
    whole = reply_to(text)
    assert "".join(streaming_reply([text[i : i + size] for i in range(0, len(text), size)], CONTEXT)) == whole
    assert "<" not in TAG.sub("", whole)


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("image: a cat", ['<image id="5"> a cat </image>']),
        ("image x3: a cat", ['<image id="5" count="3"> a cat </image>']),
        ("image x2: a | b", ['<image id="5"> a </image>', '<image id="6"> b </image>']),
        ("edit 4 small: a blue dog", ['<edit id="5" prev_id="4" change="small"> a blue dog </edit>']),
        ("variation 3", ['<variation id="5">3</variation>']),
        ("variation 3 x2 ; refine 1", ['<variation id="5" count="2">3</variation>', '<refine id="7">1</refine>']),
        ("select 2 ; image: x", ["<select>2</select>", '<image id="5"> x </image>']),
    ],
)
def test_the_tags_of_a_command_carry_the_next_free_numbers(line: str, tags: list[str]) -> None:
    assert [m[0] for m in TAG.finditer(reply_to(line))] == tags


@pytest.mark.parametrize(
    ("said", "current", "tags"),
    [("undo", 1, []), ("undo that, please", 1, []), ("mach das rückgängig", 1, []), ("undo", 2, ["<select>1</select>"]),
     ("the first one", 1, ["<select>1</select>"])],
)  # fmt: skip
def test_undoing_where_nothing_can_be_undone_is_told(said: str, current: int, tags: list[str]) -> None:
    reply = reply_to("select 1", ReplyContext(3, user=said, descriptions={1: "a fox"}, current=current))
    assert [m[0] for m in TAG.finditer(reply)] == tags
    language = foreign_language(said) or "en"
    assert (reply == SENTENCES[language]["nothing"][0].format(i=1)) == (not tags)


def test_a_reply_command_writes_nothing_and_says_so() -> None:
    reply = TaggedReply(CONTEXT)
    assert not [*reply.feed("rep"), *reply.feed("ly"), *reply.finish()]
    assert reply.is_reply


def test_small_talk_is_on_the_line_itself_and_in_the_language_of_the_message() -> None:
    assert reply_to("reply: You're welcome!", ReplyContext(1, user="thanks")) == "You're welcome!"
    assert reply_to("reply: You're welcome!", ReplyContext(1, user="vielen Dank!")) == SENTENCES["de"]["talk"][0]
    assert reply_to("reply: ") == SENTENCES["en"]["talk"][0]
    assert "<" not in reply_to("reply: <image> a cat </image> &lt;select>1")


@given(st.text(max_size=80), st.integers(1, 9))
def test_small_talk_holds_no_tag_and_is_the_same_for_every_chunking(text: str, size: int) -> None:
    line = f"reply: {text}"
    whole = reply_to(line)
    assert whole
    assert not TAG.search(whole)
    assert "".join(streaming_reply([line[i : i + size] for i in range(0, len(line), size)], CONTEXT)) == whole


def test_a_picture_is_ordered_while_the_next_one_is_still_being_written() -> None:
    reply = TaggedReply(CONTEXT)
    early = "".join([*reply.feed("image x2: a red fox"), *reply.feed(" | a blu")])
    assert '<image id="5"> a red fox </image>' in early
    assert "blu" not in early
    assert '<image id="6"> a blue fox </image>' in "".join([*reply.feed("e fox"), *reply.finish()])


def test_words_come_before_the_first_description_is_complete() -> None:
    assert "".join(TaggedReply(CONTEXT).feed("edit 3 small: a re")).strip()


@pytest.mark.parametrize(
    "line", ["image x9: a cat", "image x5: a | b | c | d | e", "variation 2 x6", "image x3: a ; image x3: b"]
)
def test_what_is_over_the_limit_is_left_out_and_named(line: str) -> None:
    text = reply_to(line)
    made = sum(int((re.search(r'count="(\d)"', m[2]) or [0, 1])[1]) for m in TAG.finditer(text))
    assert made == 4
    assert "at most 4" in text


@pytest.mark.parametrize("line", ["", "what?", "image: ", "edit 2 small:"])
def test_what_is_no_command_becomes_a_question_and_no_tag(line: str) -> None:
    assert not TAG.search(reply_to(line))
    assert reply_to(line).endswith("?")


def test_the_sentences_are_in_the_language_of_the_message() -> None:
    text = reply_to("image: a fox", ReplyContext(1, user="Zeichne bitte einen Fuchs"))
    assert text.split(" <")[0] in SENTENCES["de"]["image"]


def test_the_same_turn_reads_the_same_again_and_other_turns_differ() -> None:
    assert reply_to("image: a cat") == reply_to("image: a cat")
    assert len({reply_to("image: a cat", ReplyContext(1, user=f"cat {i}")) for i in range(20)}) > 1


def test_every_language_has_a_sentence_for_every_occasion() -> None:
    assert all(set(s) == set(SENTENCES["en"]) for s in SENTENCES.values())


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ("a barn in landscape format", "wide"),
        ("9:16 please, a tower", "tall"),
        ("a square picture of a cat", "square"),
        ("a landscape", None),
    ],
)
def test_the_wished_format_becomes_the_size(message: str, size: str | None) -> None:
    assert size_wanted(message) == size
    text = reply_to("image: x", ReplyContext(1, user=message))
    assert (f'size="{size}"' in text) == (size is not None)


@pytest.mark.parametrize(
    "message",
    [
        "make it blue",
        "a rose on a table",
        "the second one",
        "hat",
        "draw a robot",
        "#3",
        "undo",
        "more like image 2",
        "do cats die?",
        "",
    ],
)
def test_english_is_left_alone(message: str) -> None:
    assert foreign_language(message) is None
    assert gloss(message) == message


@pytest.mark.parametrize(
    ("message", "language", "english"),
    [
        ("rückgängig", "de", "undo"),
        ("plutôt en bleu, s'il te plaît", "fr", "instead in blue, please"),
        ("quiero ver un gato en la playa", "es", "i want to see a cat in the beach"),
        ("aggiungi un arcobaleno", "it", "add a rainbow"),
        ("maak het rood", "nl", "make it red"),
        ("换成蓝色", "zh", "make blue"),
        ("犬を描いて", "ja", "dog draw"),
    ],
)
def test_everyday_words_of_other_languages_become_english(message: str, language: str, english: str) -> None:
    assert foreign_language(message) == language
    assert gloss(message) == english


def test_small_talk_mentions_no_picture_where_there_is_none() -> None:
    line = "reply: Hello! We are at picture 1; what next?"
    assert reply_to(line) == f"Hello! {SENTENCES['en']['talk'][0]}"
    assert "picture 1" in reply_to(line, ReplyContext(2, descriptions={1: "a fox"}))
