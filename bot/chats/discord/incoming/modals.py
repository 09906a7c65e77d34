"""The form of an edit, and what comes back from it. Nothing is kept: a form sent after a restart works."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from bot.chats.discord.files import Remote
from bot.chats.discord.ids import ButtonId
from bot.chats.discord.people import Interaction
from handlers.english import Sentence
from handlers.presentation import KEEPS, read_change

FORM = re.compile(r"e1:(edit|made):.*", re.DOTALL)
"""`edit` changes a numbered picture; `made` begins with the pictures of somebody's message."""
MAX_DESCRIPTION = 4000
ANY = "any"


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody sent. `change` is small, large or None."""

    id: ButtonId
    description: str
    change: str | None
    files: tuple[Remote, ...]

    @property
    def words(self) -> str:
        """All of it but the files in words, for where it becomes a message."""
        said = {"small": " (keep the layout)", "large": " (change more than details)"}
        return self.description + said.get(self.change or "", "")


def edit_form(id: ButtonId, description: str) -> ui.Modal:
    """`description` is the full one of the picture, there to be changed."""
    title = Sentence.EDIT.value if id.picture is None else f"Edit picture #{id.picture}"
    form = ui.Modal(title=title, custom_id=str(id), timeout=900)
    form.add_item(
        ui.Label(
            text=Sentence.WHOLE,
            description=Sentence.WHOLE_HINT,
            component=ui.TextInput(
                style=discord.TextStyle.paragraph,
                custom_id="description",
                default=description[:MAX_DESCRIPTION],
                max_length=MAX_DESCRIPTION,
            ),
        )
    )
    options = [
        discord.RadioGroupOption(
            label=keep.label, value=keep.change or ANY, description=keep.hint, default=keep.change is None
        )
        for keep in KEEPS
    ]
    form.add_item(
        ui.Label(text=Sentence.HOW_FAR, component=ui.RadioGroup(custom_id="change", required=False, options=options))
    )
    form.add_item(
        ui.Label(
            text=Sentence.GO_BY,
            description=Sentence.GO_BY_HINT,
            component=ui.FileUpload(custom_id="reference", required=False, max_values=1),
        )
    )
    return form


def read_form(interaction: Interaction) -> Filled | None:
    """The form as it was sent, read from the raw event; None when it is no form of ours."""
    data: Mapping[str, Any] = interaction.data or {}
    custom_id = str(data.get("custom_id", ""))
    if FORM.fullmatch(custom_id) is None or (id := ButtonId.parse(custom_id)) is None:
        return None
    fields = {str(field.get("custom_id")): field for field in fields_of(data.get("components", ()))}
    change = fields.get("change", {}).get("value")
    there: Mapping[str, Any] = data.get("resolved", {}).get("attachments", {})
    chosen = fields.get("reference", {}).get("values") or ()
    return Filled(
        id,
        str(fields.get("description", {}).get("value") or "").strip(),
        read_change(change),
        tuple(_remote(there[file]) for file in chosen if file in there),
    )


def fields_of(components: Any) -> Iterator[Mapping[str, Any]]:
    """The fields of a form as it was sent."""
    for component in components:
        if "component" in component:
            yield component["component"]
        elif "components" in component:
            yield from fields_of(component["components"])
        else:
            yield component


def _remote(data: Mapping[str, Any]) -> Remote:
    return Remote(str(data["filename"]), str(data["url"]), int(data["size"]), str(data.get("content_type") or ""))
