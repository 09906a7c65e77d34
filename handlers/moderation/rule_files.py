"""The rule files: TOML, one a language, and `rules.toml`, which says what their groups mean together.

A host adds files of the same form in a folder: terms and exceptions of the same group are added to the bundled ones,
`without` takes terms out, and further rules may be written. What is found about minors by the bundled files alone is
found however a host's files read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from handlers.moderation.index import Index, Part, needles
from handlers.moderation.model import Category, Weight

EXCEPTIONS = "exceptions"
"""The group of phrases in which no term of another group is read."""
OWN = frozenset({"name"})
"""Groups that are found by looking at the text, not by terms."""
MOST_TERMS = 20_000
LONGEST_TERM = 80


class RuleFileError(Exception):
    """Everything that is wrong with the rule files, one line each."""


@dataclass(frozen=True, slots=True)
class Rule:
    """All of `all` must be found in a text; each entry is met by any one of its groups."""

    category: Category
    weight: Weight
    why: str
    all: tuple[tuple[str, ...], ...]
    within: int | None = None
    """How many characters of a reading may lie between them; None: anywhere in the text."""
    brought: bool = False
    """Only for what is made from a picture that a person brought."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is looked for, ready to look."""

    rules: tuple[Rule, ...]
    index: Index


class Readable(Protocol):
    """A file, or one in a package."""

    @property
    def name(self) -> str: ...
    def read_bytes(self) -> bytes: ...


@dataclass(slots=True)
class _Found:
    """What the files said so far: group → term → its needles, in order."""

    groups: dict[str, dict[str, list[tuple[Part, ...]]]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def bundled() -> list[Readable]:
    """The files that come with Easel, by name."""
    folder = resources.files("handlers.moderation.rules")
    return sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)


def of_host(folder: Path | None) -> Sequence[Readable]:
    """The files in a host's folder; none where there is no folder."""
    return sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else []


def read(files: Iterable[Readable]) -> Rules:
    """The files together, later ones added to earlier ones.

    Raises:
        RuleFileError: names all that is wrong, with its file.
    """
    found = _Found()
    for file in files:
        try:
            _add(found, file.name, tomllib.loads(file.read_bytes().decode("utf-8-sig")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            found.wrong.append(f"{file.name}: cannot be read ({getattr(error, 'strerror', None) or error}).")
    known = {*found.groups, *OWN}
    for rule in found.rules:
        found.wrong += [
            f"the rule {rule.why!r} asks for a group {group!r} that no file has."
            for group in {group for entry in rule.all for group in entry} - known
        ]
    if sum(map(len, found.groups.values())) > MOST_TERMS:
        found.wrong.append(f"there are more than {MOST_TERMS:,} terms.")
    if found.wrong:
        raise RuleFileError("\n  ".join(["These moderation rules are wrong:", *found.wrong]))
    terms = ((group, parts) for group, of in found.groups.items() for all_parts in of.values() for parts in all_parts)
    return Rules(tuple(found.rules), Index(terms))


def _add(found: _Found, name: str, data: Mapping[str, Any]) -> None:
    """Take in one file; what is wrong with it is noted."""

    def wrong(what: str) -> None:
        found.wrong.append(f"{name}: {what}")

    for key in sorted(set(data) - {"inside", "numbers", "groups", "rule"}):
        wrong(f"{key!r} is no part of a rule file; it has inside, numbers, groups and rule.")
    inside, numbers, groups = data.get("inside", False), data.get("numbers", []), data.get("groups", {})
    if not isinstance(inside, bool):
        wrong("inside must be true or false.")
    if not _strings(numbers):
        wrong("numbers must be a list of words.")
        numbers = []
    if not isinstance(groups, dict):
        wrong("groups must be tables, such as [groups.nudity].")
        groups = {}
    for group, of in groups.items():
        if not isinstance(of, dict) or set(of) - {"terms", "without"} or not all(map(_strings, of.values())):
            wrong(f"groups.{group} must have terms, or without, or both; each a list of words.")
            continue
        into = found.groups.setdefault(group, {})
        for term in of.get("without", []):
            if into.pop(term.casefold(), None) is None:
                wrong(f"groups.{group}: there is no term {term!r} to take out.")
        for term in of.get("terms", []):
            try:
                if len(term) > LONGEST_TERM:
                    raise ValueError(f"has more than {LONGEST_TERM} characters")
                into[term.casefold()] = list(needles(term, inside=bool(inside), numbers=numbers))
            except ValueError as error:
                wrong(f"groups.{group}: {term!r} {error}.")
    rules = data.get("rule", [])
    if not isinstance(rules, list):
        wrong("rules are written as [[rule]].")
        rules = []
    for number, row in enumerate(rules, start=1):
        try:
            found.rules.append(_rule(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            wrong(f"rule {number}: {missing}.")


def _rule(row: Mapping[str, Any]) -> Rule:
    if unknown := set(row) - {"category", "weight", "why", "all", "within", "brought"}:
        raise ValueError(f"{min(unknown)!r} is no part of a rule")
    groups, within, weight = row["all"], row.get("within"), row["weight"]
    if not _strings(groups) or not groups:
        raise ValueError("all must be a list of groups, such as ['nudity|suggestive', 'childhood']")
    if within is not None and (type(within) is not int or within < 1):
        raise ValueError("within must be a number of characters")
    if not isinstance(brought := row.get("brought", False), bool):
        raise ValueError("brought must be true or false")
    if weight not in ("borderline", "clear"):
        raise ValueError("weight must be borderline or clear")
    return Rule(
        Category(row["category"]), Weight[weight.upper()], str(row["why"]),
        tuple(tuple(part.strip() for part in entry.split("|")) for entry in groups), within, brought,
    )  # fmt: skip


def _strings(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value)
