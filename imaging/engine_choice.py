"""Which engine of a host carries a picture out, and why: one pure function.

The host says what each is for (`Purposes`), and what they can do they declare themselves (`Abilities`); how they are
just now comes from the queue (`AtHand`). docs/engines.md has the rules in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from imaging.model import Abilities, Makes, Role, Technique


@dataclass(frozen=True, slots=True)
class Purposes:
    """What the host's engines are for, by their names."""

    new: str
    """Draws new pictures, and all that nobody else is for."""
    edit: str = ""
    """Changes pictures; empty: `new` does."""
    hard_edits_only: bool = False
    """Whether changes that the parent's own engine makes beside it stay there."""
    overflow: str = ""
    """Draws new pictures where `new` is too busy; nothing else."""
    overflow_after_s: float = 60.0
    choosable: tuple[str, ...] = ()
    """Those that a thread may have for everything."""

    @property
    def regular(self) -> tuple[str, ...]:
        """Those that may be used at any time, without repeats; an overflow is for when it is one."""
        return tuple(dict.fromkeys(filter(None, (self.new, self.edit, *self.choosable))))


@dataclass(frozen=True, slots=True)
class Standing:
    """One engine as it is now. `wait_s`: seconds until a picture more would begin, where there is an overflow;
    `problem`: why none would."""

    abilities: Abilities
    wait_s: float = 0.0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class AtHand:
    """The engines of a host, by name."""

    engines: Mapping[str, Standing]
    purposes: Purposes

    @property
    def new(self) -> Abilities:
        """Of the engine that draws new pictures."""
        return self.engines[self.purposes.new].abilities

    def of(self, engine: str) -> Abilities:
        """Of an engine by its name; where it is gone, of the one that draws new pictures."""
        return self.engines[engine].abilities if engine in self.engines else self.new

    def chosen(self, engine: str | None) -> str | None:
        """What a thread has chosen, if it is there and may be chosen (still)."""
        return engine if engine in self.purposes.choosable and engine in self.engines else None

    def together(self, engine: str | None) -> Abilities:
        """What can be asked for in a thread that has chosen this engine, or none: its own abilities, or those of the
        engine for new pictures with what others would carry out in its place."""
        if (chosen := self.chosen(engine)) is not None:
            return self.of(chosen)
        mine, edits = self.new, self.of(self.purposes.edit)
        return replace(
            mine,
            techniques=mine.techniques | edits.techniques,
            references=max(mine.references, edits.references),
            roles=mine.roles | edits.roles,
            named_regions=mine.named_regions or edits.named_regions,
            transparent=mine.transparent or edits.transparent,
        )


def alone(abilities: Abilities) -> AtHand:
    """A host with one engine."""
    return AtHand({abilities.name: Standing(abilities)}, Purposes(abilities.name))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a picture takes of its engine."""

    makes: Makes
    drawn_by: str | None = None
    """The engine that drew its parent; None without a parent, and where a person brought it."""
    brought: bool = False
    """A person brought its parent."""
    beside: bool = False
    """The parent's engine would change it beside the parent, which keeps most of it."""
    region: bool = False
    """Only a part that is named is changed."""
    masked: bool = False
    """Only what a mask allows is changed, or there is more canvas."""
    references: int = 0
    """Pictures that are looked at besides the parent."""
    role: Role = Role.BOTH
    transparent: bool = False

    @property
    def plain(self) -> bool:
        """Whether every engine can do it."""
        return not (self.region or self.masked or self.references or self.transparent)


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, and why it is that one, in words; empty where nothing else was to be expected."""

    engine: str
    reason: str = ""
    home: str = ""
    """An overflow's: who draws it after all where no money is left for this one."""
    home_reason: str = field(default="", compare=False)


def lacks(wanted: Wanted, can: Abilities) -> str:
    """What an engine cannot do of it, in a few words; empty where it can do all."""
    known = can.techniques
    if can.edits_only and not wanted.references and wanted.makes in (Makes.NEW, Makes.REDRAWN):
        return "only changes pictures"
    painted = Technique.INPAINTING in known
    if wanted.masked and not painted:
        return "cannot keep a part of a picture untouched"
    if wanted.region and not (painted and can.named_regions) and Technique.INSTRUCTION not in known:
        return "cannot find a part by its name"
    if wanted.references > can.references:
        return "cannot look at so many pictures" if can.references else "cannot look at other pictures"
    if wanted.references and wanted.role is not Role.BOTH and wanted.role not in can.roles:
        return f"cannot take over a {wanted.role.value} alone"
    if wanted.transparent and not can.transparent:
        return "cannot leave the background out"
    if wanted.brought and wanted.makes.keeps_source and not any(one.traits.pixels for one in known):
        return "cannot look at a picture that was brought"
    return ""


def engine_for(wanted: Wanted, at_hand: AtHand, chosen: str | None = None, *, waited_for: bool = True) -> Choice:
    """Choose.

    Args:
        wanted: What the picture takes.
        at_hand: The host's engines as they are now.
        chosen: The thread's setting, if it has one.
        waited_for: Whether somebody waits for it; what can wait never overflows to where it costs.
    """
    mine = at_hand.chosen(chosen)
    gone = _gone(wanted, at_hand, chosen)
    if mine is not None and not gone:
        return Choice(mine, f"{mine} is what this thread has chosen.")
    first, why = _purpose(wanted, at_hand)
    best, instead = _able(wanted, at_hand, first)
    if best == first and wanted.makes is Makes.NEW and waited_for:
        overflow = _overflow(wanted, at_hand, gone)
        if overflow is not None:
            return overflow
    return Choice(best, _sentences(gone, instead or why))


def _gone(wanted: Wanted, at_hand: AtHand, chosen: str | None) -> str:
    """Why it is not what the thread has chosen; empty where it is, or has chosen none."""
    if chosen is None:
        return ""
    if (mine := at_hand.chosen(chosen)) is None:
        return f"{chosen}, which this thread has chosen, cannot be chosen here any more."
    standing = at_hand.engines[mine]
    if standing.problem is not None:
        return f"{mine}, which this thread has chosen, draws nothing just now."
    if standing.abilities.edits_only and (why := lacks(wanted, standing.abilities)):
        return f"{mine}, which this thread has chosen, {why}."
    return ""


def _purpose(wanted: Wanted, at_hand: AtHand) -> tuple[str, str]:
    """Who is for it, and why."""
    purposes = at_hand.purposes
    theirs = wanted.drawn_by if wanted.drawn_by in purposes.regular and wanted.drawn_by in at_hand.engines else None
    if wanted.makes is Makes.CHANGED and purposes.edit not in ("", purposes.new):
        if purposes.hard_edits_only and wanted.beside and wanted.plain and theirs not in (None, purposes.edit):
            return str(theirs), f"{theirs} drew the parent and changes it beside it."
        return purposes.edit, f"{purposes.edit} changes pictures here."
    if wanted.makes is not Makes.NEW and theirs is not None:
        return theirs, "" if theirs == purposes.new else f"{theirs} drew the parent."
    return purposes.new, ""


def _able(wanted: Wanted, at_hand: AtHand, first: str) -> tuple[str, str]:
    """The first that draws now and lacks nothing of those that may be used for it, and why not the one before."""
    purposes, engines = at_hand.purposes, at_hand.engines
    others: Iterable[str] = (purposes.new, purposes.edit)
    if wanted.makes is Makes.NEW and wanted.plain:
        others = ()  # whoever is for edits alone may cost more than the host wants to spend on new pictures
    names = [name for name in dict.fromkeys((first, *others)) if name in engines]
    up = [name for name in names if engines[name].problem is None] or [first]
    best = next((name for name in up if not lacks(wanted, engines[name].abilities)), up[0])
    if best == first:
        return first, ""
    if engines[first].problem is not None:
        return best, f"{first} draws nothing just now, so {best} does it."
    return best, f"{first} {lacks(wanted, engines[first].abilities)}, so {best} does it."


def _overflow(wanted: Wanted, at_hand: AtHand, gone: str) -> Choice | None:
    purposes, engines = at_hand.purposes, at_hand.engines
    name, home = purposes.overflow, engines[purposes.new]
    if name not in engines or name == purposes.new or engines[name].problem is not None:
        return None
    if lacks(wanted, engines[name].abilities):
        return None
    if home.problem is not None:
        why = f"{purposes.new} draws nothing just now"
    elif home.wait_s > purposes.overflow_after_s:
        why = f"{purposes.new} is busy for {home.wait_s:.0f} s"
    else:
        return None
    kept = f"{why}, but what may be spent on {name} is used up, so it waits."
    return Choice(name, _sentences(gone, f"{why}, so {name} draws this one."), purposes.new, _sentences(gone, kept))


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))
