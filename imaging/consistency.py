"""Which control keeps an edit consistent with its parent, and how strongly: pure functions of texts.

The rows of PROTOCOL's Consistency table in code. Nothing here renders or imports torch; the caller
knows the parent's description, the wanted one, and what the engine can do.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from difflib import SequenceMatcher

from imaging.model import Control, Technique
from imaging.words import ARRANGEMENT, content_words, head_noun, split_words

FAR = 0.5
"""Share of common content words under which two descriptions count as far apart."""
EXCHANGED = 0.4
"""Prompt-to-Prompt where the subject is exchanged: more of the parent's maps would keep the old one from giving way
(`easel eval consistency --sweep`)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a new description differs from its parent's."""

    shared: float
    """0–1: content words in common, relative to the longer description."""
    swapped: tuple[tuple[str, str], ...]
    """Content words replaced, as (old, new) phrases."""
    added: tuple[str, ...]
    removed: tuple[str, ...]
    new_subject: bool
    """The head noun of the new description does not occur in the parent's, nor the other way round."""
    moved: bool
    """A word about pose, place or size came, went or changed."""

    @property
    def nothing(self) -> bool:
        return not (self.swapped or self.added or self.removed)


def compare(parent: str, description: str) -> Difference:
    """Compare two descriptions word by word."""
    old, new = split_words(parent), split_words(description)
    swapped: list[tuple[str, str]] = []
    added: list[str] = []
    removed: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, came = content_words(old[a:b]), content_words(new[c:d])
        if gone and came:
            swapped.append((" ".join(gone), " ".join(came)))
        else:
            added.extend(came)
            removed.extend(gone)
    before, after = set(content_words(old)), set(content_words(new))
    old_head, new_head = head_noun(old), head_noun(new)
    return Difference(
        shared=len(before & after) / max(len(before), len(after), 1),
        swapped=tuple(swapped),
        added=tuple(added),
        removed=tuple(removed),
        new_subject=bool(old_head and new_head and new_head not in before and old_head not in after),
        moved=bool((set(old) ^ set(new)) & ARRANGEMENT),
    )


def decide(
    *,
    change: str | None,
    parent: str,
    description: str,
    techniques: frozenset[Technique],
    parent_is_upload: bool,
    keep_layout: bool | None = None,
) -> Control:
    """Choose the control of an edit.

    Args:
        change: The model's own word, `small` or `large`, or None.
        parent: The parent's description (an upload's may be empty).
        description: The full description of the wanted picture.
        techniques: What the engine offers (`Abilities.techniques`).
        parent_is_upload: Whether a person brought the parent, so that there is no recipe to run beside.
        keep_layout: The user's word: True "keep the layout", False "change more", None nothing said.

    Returns:
        Technique, strength (1 keeps the most) and the reason in words. Never a technique that is
        not in `techniques`, except `NONE`, which every engine can do.
    """
    found = compare(parent, description)
    wanted = _upload(change, keep_layout) if parent_is_upload else _made_here(change, found, keep_layout)
    return _offered(wanted, techniques, parent_is_upload)


def _upload(change: str | None, keep_layout: bool | None) -> Control:
    if keep_layout:
        return Control(
            Technique.IMAGE_TO_IMAGE, 0.6, "The parent is an upload and its layout shall stay: start from its pixels."
        )
    strength = 0.5 if change == "large" or keep_layout is False else 0.8
    return Control(Technique.IP_ADAPTER, strength, "The parent is an upload: it serves as an image prompt.")


def _made_here(change: str | None, found: Difference, keep_layout: bool | None) -> Control:
    if found.nothing:
        return Control(
            Technique.IMAGE_TO_IMAGE, 0.5, "The description has not changed: the parent is drawn over with a new seed."
        )
    far = change == "large" or (change is None and found.shared < FAR)
    if keep_layout:
        return _small(found, 0.9, "The layout shall stay")
    if found.new_subject and far and _same_surroundings(found):
        return Control(
            Technique.PROMPT_TO_PROMPT,
            EXCHANGED,
            f"A new subject in the same surroundings{_words(found)}: they follow the parent's attention.",
        )
    if found.new_subject and far:
        return Control(Technique.NONE, 0.0, f"A new subject{_words(found)}: nothing of the parent needs to stay.")
    if far or keep_layout is False:
        strength = 0.4 if keep_layout is False else 0.6
        return Control(
            Technique.IP_ADAPTER,
            strength,
            f"The same subject in another scene{_words(found)}: the parent as image prompt.",
        )
    if found.moved:
        return Control(
            Technique.MASACTRL, 0.6, f"Another pose or arrangement{_words(found)}: the look is taken from the parent."
        )
    return _small(found, 0.8, "A small change")


def _same_surroundings(found: Difference) -> bool:
    """Nothing but one phrase was exchanged, and something else was said that is said still."""
    return len(found.swapped) == 1 and not (found.added or found.removed) and found.shared > 0


def _small(found: Difference, most: float, reason: str) -> Control:
    """Prompt-to-Prompt; the more words change, the less of the parent's maps is kept."""
    changes = len(found.swapped) + len(found.added) + len(found.removed)
    strength = round(max(0.4, most - 0.1 * max(0, changes - 1)), 2)
    return Control(
        Technique.PROMPT_TO_PROMPT, strength, f"{reason}{_words(found)}: the layout follows the parent's attention."
    )


def _words(found: Difference) -> str:
    """The change in brackets, short enough for a sentence."""
    parts = [f"{old} → {new}" for old, new in found.swapped]
    parts += [f"+ {word}" for word in found.added] + [f"− {word}" for word in found.removed]
    if not parts:
        return ""
    text = ", ".join(parts[:3]) + (", …" if len(parts) > 3 else "")
    return f" ({text})" if len(text) <= 80 else ""


def _offered(wanted: Control, techniques: frozenset[Technique], upload: bool) -> Control:
    if wanted.technique is Technique.NONE or wanted.technique in techniques:
        return wanted
    for other in wanted.technique.fallbacks:
        if other not in techniques or (upload and other is Technique.SAME_SEED):
            continue
        reason = f"{wanted.reason} This engine has no {wanted.technique.value}, so it is {other.value}."
        return dataclasses.replace(wanted, technique=other, reason=reason)
    reason = f"{wanted.reason} This engine offers nothing that keeps it, so it is a new draw."
    return Control(Technique.NONE, 0.0, reason)


NOTHING = 0.01
"""Measured change (0–1) under which people see no difference."""
EVERYTHING = 0.45
"""Measured change over which a small edit has kept nothing."""
STEP = 0.25
RETRIED = "retried"
"""Option that marks a control as already adjusted once, so that rendering the recipe again does not."""
_GRADED: frozenset[Technique] = frozenset(Technique) - {Technique.NONE, Technique.SAME_SEED, Technique.INSTRUCTION}


def adjust(control: Control | None, measured: float) -> Control | None:
    """The control for one more try, or None when the picture stands.

    Args:
        control: What rendered the picture.
        measured: Its perceptual difference from the parent, 0–1.
    """
    if control is None or control.technique not in _GRADED or RETRIED in control.options:
        return None
    if measured < NOTHING and control.strength > 0:
        strength, why = max(0.0, control.strength - STEP), "it changed nothing, so it was made weaker"
    elif measured > EVERYTHING and _meant_small(control) and control.strength < 1:
        strength, why = min(1.0, control.strength + STEP), "it changed everything, so it was made stronger"
    else:
        return None
    # The numbers that followed from the old strength would win over the new one.
    options = {RETRIED: 1.0}
    return Control(control.technique, round(strength, 2), f"{control.reason} At first {why}.", options)


def _meant_small(control: Control) -> bool:
    return control.technique is Technique.PROMPT_TO_PROMPT and control.strength >= 0.4
