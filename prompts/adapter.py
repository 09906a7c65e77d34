"""The prompt adapter: a description and a style → the words that one engine understands.

An engine that draws anything gets the description with a style preset's words. An engine with a closed
vocabulary gets its own words only, the nearest to what was said, and people are told so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from imaging.model import Abilities
from prompts.nearest import Mapped, into_vocabulary

LONGEST_PROMPT: Final = 2000
"""Characters; text encoders read far less."""


@dataclass(frozen=True, slots=True)
class AdaptedPrompt:
    """What the engine is given. `notes` go into the recipe, `remark` is one sentence for people."""

    prompt: str
    negative_prompt: str
    notes: tuple[str, ...] = ()
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """A preset: words that are added to the prompt and to the negative prompt."""

    name: str
    suffix: str
    negative: str = ""


@cache
def styles() -> Mapping[str, Style]:
    """The presets of styles.toml by each of their names."""
    rows = tomllib.loads(files("prompts").joinpath("styles.toml").read_text("utf-8"))
    found: dict[str, Style] = {}
    for name, row in rows.items():
        style = Style(name, row["suffix"], row.get("negative", ""))
        found |= {_key(known): style for known in (name, *row.get("also", ()))}
    return found


def style_names() -> tuple[str, ...]:
    """The presets' names for settings and commands, in the order of the file."""
    return tuple(dict.fromkeys(style.name for style in styles().values()))


def adapt(description: str, *, style: str | None, negative: str | None, abilities: Abilities) -> AdaptedPrompt:
    """Write the prompt for an engine.

    Args:
        description: What people and the LLM call the picture.
        style: A preset's name or free words; None for none.
        negative: What must not be in the picture.
        abilities: The engine's own; says whether it has a vocabulary, and its own words before, after and against.
    """
    words = " ".join(description.split())
    unwanted = " ".join((negative or "").split())
    if abilities.vocabulary is not None:
        mapped = into_vocabulary(words, abilities.vocabulary)
        notes = tuple(f"{change.said} was drawn as {change.drawn}" for change in mapped.changes)
        if style:
            notes = (*notes, f"the style {style} was left out: the bundled model has one look")
        if mapped.left_out:
            notes = (*notes, f"{mapped.left_out} was left out")
        remark = _remark(mapped, len(abilities.vocabulary.things))
        return AdaptedPrompt(mapped.text, _joined(unwanted, abilities.negative_prompt), notes, remark)
    preset, note = _style(style)
    suffix = preset.suffix if preset else ""
    prompt = _joined(abilities.prompt_prefix, words[:LONGEST_PROMPT], suffix, abilities.prompt_suffix)
    negatives = _joined(unwanted, preset.negative if preset else "", abilities.negative_prompt)
    return AdaptedPrompt(prompt, negatives, (note,) if note else ())


def _style(style: str | None) -> tuple[Style | None, str | None]:
    if not style or not style.strip():
        return None, None
    known = styles().get(_key(style))
    if known is not None:
        return known, f"style preset {known.name}"
    free = " ".join(style.split())
    return Style(free, free), f"the style {free} is no preset: its words were added as they are"


def _key(name: str) -> str:
    key = " ".join(name.casefold().replace("-", " ").replace("_", " ").split())
    return key.removesuffix(" style")


def _joined(*parts: str) -> str:
    """Comma-separated without empty parts; a part that is there already is not said twice."""
    out = ""
    for part in parts:
        part = part.strip(" ,")
        if part and part.casefold() not in out.casefold():
            out = f"{out.rstrip(' .,')}, {part}" if out else part
    return out


def _remark(mapped: Mapped, known: int) -> str | None:
    told = [change for change in mapped.changes if not change.synonym]
    parts = [f"your {mapped.left_out} is none of them and is left out"] if mapped.left_out else []
    if told:
        listed = [f"{_article(change.drawn)} for your {change.said}" for change in told[:3]]
        text = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
        parts.append(f"here is the nearest, {text}")
    if not parts:
        return None
    return f"The bundled model knows {known} things; {'; '.join(parts)}; connect SDXL for anything."


def _article(word: str) -> str:
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"
