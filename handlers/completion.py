"""What a person may mean while they still type an option of a command; the same on every platform."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handlers.model import Option, OptionKind, Picture, ThreadKey
from handlers.ports import Store
from prompts.adapter import style_names


@dataclass(frozen=True, slots=True)
class Completion:
    """`label` is what people read, `value` what the option gets."""

    label: str
    value: str | int


def completes(option: Option, most: int) -> bool:
    """Whether `complete` has anything for it; a choice needs none where the platform lists all (up to `most`)."""
    match option.kind:
        case OptionKind.PICTURE | OptionKind.STYLE:
            return True
        case OptionKind.CHOICE:
            return len(option.choices) > most
        case _:
            return False


async def complete(store: Store, thread: ThreadKey, option: Option, typed: str) -> Sequence[Completion]:
    """All that fits, the likeliest first.

    Raises:
        UserError: the store cannot be read.
    """
    match option.kind:
        case OptionKind.PICTURE:
            found = _matching(await store.gallery(thread), typed)
            return [Completion(f"#{picture.number} {picture.description}", picture.number) for picture in found]
        case OptionKind.STYLE:
            return _beginning((*style_names(), *option.choices), typed)
        case _:
            return _beginning(option.choices, typed)


def _matching(pictures: Iterable[Picture], typed: str) -> list[Picture]:
    """Newest first; by the number's beginning or by words of the description."""
    text = typed.strip().lstrip("#").casefold()
    newest = sorted(pictures, key=lambda picture: -picture.number)
    return [p for p in newest if str(p.number).startswith(text) or text in p.description.casefold()]


def _beginning(names: Iterable[str], typed: str) -> list[Completion]:
    """Those that begin so before those that have it in the middle."""
    text = typed.strip().casefold()
    fitting = [name for name in names if text in name.casefold()]
    fitting.sort(key=lambda name: not name.casefold().startswith(text))
    return [Completion(name, name) for name in fitting]
