"""What people are told says nothing of the host's machine."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from imaging.places import without_places

ROOT = Path(__file__).parents[2]
TOLD = {"UserError", "LanguageModelError", "UnreadableUpload", "ChatUnavailable", "QueueFull", "BadPicture",
        "FileRefused", "SlackRefused", "ImagesRefused", "ComfyRefused", "JobRefused", "NoticePart",
        "Answer"}  # fmt: skip
"""What carries a sentence to people as it is. `EngineError` and what workers say go through `without_places`."""
PLACES = ("url", "path", "address", "token", "api_key", "home", "folder", "host", "secret")
ELSEWHERE = {"bot/commands"}
"""At the host's terminal."""
LINKS = ("handlers/board.py: {address}", "handlers/sharing.py: {address}", "handlers/sharing.py: {token}")
"""What was asked for: the way to the page, at the address that the host gives it in public."""


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (
            "There is no model at /srv/a/x.safetensors; give another.",
            "There is no model at x.safetensors; give another.",
        ),
        ("The cache folder ~/.cache/easel cannot be written.", "The cache folder easel cannot be written."),
        ("name it, as /a/b/c.safetensors.", "name it, as c.safetensors."),
        ("ask http://ada:pw@10.0.0.3:8000/v1?key=1, please", "ask its address, please"),
        ("Cannot connect to host llm.internal:8000.", "Cannot connect to host its address."),
        ('File "/usr/lib/x.py", line 3', 'File "x.py", line 3'),
    ],
)
def test_places_are_left_out(sentence: str, told: str) -> None:
    assert without_places(sentence) == told


@pytest.mark.parametrize(
    "sentence",
    [
        "The hub has no model owner/name; 3/4 of it came at 12:30.",
        "/help lists them, /easel settings changes them.",
        "1024 × 1024 is too large; say a.b/c and/or d.",
    ],
)
def test_other_words_stay(sentence: str) -> None:
    assert without_places(sentence) == sentence


def test_no_sentence_for_people_has_a_place_put_into_it() -> None:
    """In the source: the errors and parts that people read name no address, path or token of the host."""
    found = []
    for file in sorted(
        path for room in ("bot", "handlers", "imaging", "prompts") for path in (ROOT / room).rglob("*.py")
    ):
        name = file.relative_to(ROOT).as_posix()
        if any(name.startswith(folder) for folder in ELSEWHERE):
            continue
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in TOLD:
                continue
            for value in (part for part in ast.walk(call) if isinstance(part, ast.FormattedValue)):
                said = ast.unparse(value.value).lower()
                if any(place in said for place in PLACES):
                    found.append(f"{name}: {ast.unparse(value)}")
    assert [one for one in found if one not in LINKS] == []
    assert set(LINKS) <= set(found)
