"""The example turns of the prompt: few_shots.toml, told in the form in which real messages come."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from imaging.model import Operation
from prompts.marks import asked
from prompts.request import LanguageRequest, PictureLine, Said


@cache
def _rows() -> Sequence[Mapping[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads(files("prompts").joinpath("few_shots.toml").read_text("utf-8"))["shot"]
    return rows


def _request(row: Mapping[str, Any]) -> LanguageRequest:
    pictures = row.get("pictures", ())
    last = len(pictures) - 1
    batch = pictures[last][3:4] if pictures else []
    return LanguageRequest(
        Said("user", row["user"], row["from"]),
        pictures=tuple(
            PictureLine(
                number,
                Operation(operation),
                parent or None,
                words,
                author,
                current=index == last,
                latest_batch=[author] == batch and operation != "upload",
            )
            for index, (number, operation, parent, author, words) in enumerate(pictures)
        ),
        next_number=row["next"],
    )


@cache
def few_shots() -> tuple[tuple[str, str], ...]:
    """(user, assistant) pairs, each from a thread of its own."""
    return tuple((asked(_request(row)), row["assistant"]) for row in _rows())


@cache
def example_marks() -> tuple[str, ...]:
    """The words by which a reply shows that it copied an example."""
    return tuple(mark for row in _rows() for mark in row["marks"])
