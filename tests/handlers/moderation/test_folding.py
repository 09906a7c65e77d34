"""What a text says, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.moderation.folding import clean, readings, words

WAYS = {
    "as it is": "a naked man",
    "Cyrillic letters": "a nаkеd man",
    "Greek letters": "a nαkεd man",
    "full width": "ａ　ｎａｋｅｄ　ｍａｎ",
    "mathematical letters": "a 𝓃𝒶𝓀ℯ𝒹 man",
    "squared letters": "a 🅽🅰🅺🅴🅳 man",
    "regional indicators": "a 🇳🇦🇰🇪🇩 man",
    "marks on letters": "a ñàkëd man",
    "stacked marks": "a n̷a̷k̷e̷d̷ man",
    "zero-width characters": "a na\u200bk\u200de\u2060d man",
    "soft hyphens": "a na\u00adked man",
    "tags that nobody sees": "a " + "".join(chr(0xE0000 + ord(letter)) for letter in "naked") + " man",
    "digits for letters": "a n4k3d man",
    "signs for letters": "a n@ked man!",
    "dots between letters": "a n.a.k.e.d man",
    "hyphens between letters": "a n-a-k-e-d man",
    "emoji between letters": "a n🌸a🌸k🌸e🌸d man",
    "letters said long": "a naaaked man",
    "written backwards": "a \u202edekan\u202c man",
    "capitals": "a NAKED man",
    "a sign that hides a letter": "a n*ked man",
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS.keys())
def test_a_word_is_read_however_it_is_written(text: str) -> None:
    assert " a naked man " in readings(text).words


def test_letters_in_a_row_are_read_as_words_where_gaps_tell_and_as_a_run_where_they_do_not() -> None:
    assert " kill yourself " in readings("k i l l  y o u r s e l f").words
    assert readings("k i l l y o u r s e l f").runs == ("killyourself",)
    assert " 裸体的女孩 " in readings("裸 体 的 女 孩").words


def test_a_capital_i_is_read_as_a_small_l_too_and_a_hashtag_as_letters_in_a_row() -> None:
    assert " a girl " in readings("a girI").words
    assert readings("#NudeGirl").runs == ("nudegirl",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Москва и Волга", " москва и волга "),  # Cyrillic stays Cyrillic
        ("が ば", " が ば "),  # the mark makes another letter
        ("طِفْل", " طفل "),  # vowel signs do not
        ("한국어 문장", " 한국어 문장 "),
        ("नमस्ते दुनिया", " नमस्ते दुनिया "),
        ("สวัสดี", " สวัสดี "),
        ("Größe", " grosse "),
    ],
)
def test_languages_keep_the_signs_that_make_their_words(text: str, said: str) -> None:
    assert readings(text).words[0] == said


@given(st.text(max_size=300))
def test_folding_never_raises_and_folding_again_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    for reading in readings(text).words:
        assert words(clean(reading)) == reading


@given(st.text(max_size=300))
def test_readings_are_few_and_none_is_much_longer_than_the_text(text: str) -> None:
    read = readings(text)
    assert len(read.words) <= 20
    assert len(read.runs) <= len(text)
    # One character becomes 18 at most (U+FDFA), and every one of them may become a word.
    assert all(len(reading) <= 36 * len(text) + 2 for reading in read.words)
    assert sum(map(len, read.runs)) <= 8 * 18 * len(text)
