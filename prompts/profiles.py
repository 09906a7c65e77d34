"""How each family of language models likes to be asked; the rows are profiles.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """One family."""

    name: str
    system: bool = True
    """Whether it has a system role; else the system text opens the first user message."""
    shots_as_turns: bool = True
    merge: bool = False
    """Whether its turns must alternate, so that neighbours of one role are joined."""
    language: str = "en"
    """Of the system prompt, where the request names none."""
    stop: tuple[str, ...] = ()
    match: tuple[str, ...] = ()


@cache
def profiles() -> Mapping[str, Profile]:
    """All families by name; `generic` fits any model."""
    rows: dict[str, dict[str, Any]] = tomllib.loads(files("prompts").joinpath("profiles.toml").read_text("utf-8"))
    return {name: _profile(name, row) for name, row in rows.items()}


def _profile(name: str, row: Mapping[str, Any]) -> Profile:
    return Profile(
        name,
        system=row.get("system", True),
        shots_as_turns=row.get("shots", "turns") == "turns",
        merge=row.get("merge", False),
        language=row.get("language", "en"),
        stop=tuple(row.get("stop", ())),
        match=tuple(row["match"]),
    )


def profile_for(model: str, chosen: str = "auto") -> Profile:
    """The family of a model, from its name (`meta-llama/Llama-3.1-8B` → llama) unless one is chosen.

    Raises:
        ValueError: the chosen family is not known; the sentence lists those that are.
    """
    rows = profiles()
    if chosen != "auto":
        if chosen not in rows:
            raise ValueError(f'There is no model profile "{chosen}"; choose auto or one of {", ".join(rows)}.')
        return rows[chosen]
    name = model.casefold()
    for row in rows.values():
        if any(re.search(rf"(?<![a-z0-9]){re.escape(part)}|{re.escape(part)}(?=-)", name) for part in row.match):
            return row
    return rows["generic"]
