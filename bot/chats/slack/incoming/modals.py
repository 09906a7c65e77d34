"""The forms: an edit, a new picture, the settings of one's own conversation; and what comes back from them.

No state is kept here: `private_metadata` names thread and picture, so a form sent after a restart works.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.chats.slack import files, ids
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.incoming.inbound import Payload, text_at
from handlers.brainstorm.form import FIELDS, Given, read_given
from handlers.english import Sentence
from handlers.model import CommandSpec, Option, OptionKind, Press, ThreadKey
from handlers.presentation import KEEPS, read_change

DESCRIPTION, CHANGE, FILES = "description", "change", "files"
LONGEST = 2_000
FILE_TYPES = ("png", "jpg", "jpeg", "webp", "gif")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _view(callback: str, title: str, submit: str, private: Mapping[str, Any], shown: list[Any]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": json.dumps(private),
        "title": _plain(title[:24]),
        "submit": _plain(submit),
        "close": _plain("Close"),
        "blocks": shown,
    }


def _input(name: str, label: str, element: dict[str, Any], *, hint: str = "", optional: bool = False) -> dict[str, Any]:
    made = {"type": "input", "block_id": name, "label": _plain(label), "optional": optional}
    return made | {"element": element | {"action_id": "value"}} | ({"hint": _plain(hint)} if hint else {})


def _words(name: str, label: str, hint: str, text: str = "") -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "multiline": True, "max_length": LONGEST}
    return _input(name, label, element | ({"initial_value": text[:LONGEST]} if text else {}), hint=hint)


def _pictures(most: int) -> dict[str, Any]:
    element = {"type": "file_input", "filetypes": list(FILE_TYPES), "max_files": most}
    return _input(FILES, Sentence.GO_BY, element, hint=Sentence.GO_BY_HINT, optional=True)


def edit_view(press: Press, description: str, most_files: int) -> dict[str, Any]:
    """A `views.open` payload with the full description to change, and how much of the picture should stay."""
    options = [
        {"text": _plain(keep.label), "description": _plain(keep.hint), "value": keep.change or "auto"} for keep in KEEPS
    ]
    radio = {"type": "radio_buttons", "options": options, "initial_option": options[0]}
    return _view(
        ids.EDIT_VIEW, f"Edit picture #{press.picture}", Sentence.DRAW, _private(press),
        [
            _words(DESCRIPTION, Sentence.WHOLE, Sentence.WHOLE_HINT, description),
            _input(CHANGE, Sentence.HOW_FAR, radio, optional=True),
            _pictures(most_files),
        ],
    )  # fmt: skip


def _private(press: Press) -> dict[str, Any]:
    """What `read_private` reads."""
    thread = press.thread
    return {"tenant": thread.tenant, "channel": thread.channel, "thread": thread.thread, "picture": press.picture}


def new_view(most_files: int) -> dict[str, Any]:
    """What the global shortcut opens: it comes from no channel, so the answer is a direct message."""
    words = _words(DESCRIPTION, "What shall I draw?", "The answer comes as a direct message.")
    return _view(ids.NEW_VIEW, "New picture", Sentence.DRAW, {}, [words, _pictures(most_files)])


def made_view(thread: ThreadKey, file_ids: Sequence[str], most_files: int) -> dict[str, Any]:
    """What the shortcut opens on a message with somebody's own pictures; they are fetched when the form is sent."""
    private = {"tenant": thread.tenant, "channel": thread.channel, "thread": thread.thread, "files": list(file_ids)}
    words = _words(DESCRIPTION, "What shall I make of it?", "The answer comes in the thread of that message.")
    return _view(ids.NEW_VIEW, Sentence.EDIT, Sentence.DRAW, private, [words, _pictures(most_files)])


def settings_view(spec: CommandSpec, channel: str, chosen: Mapping[str, str]) -> dict[str, Any]:
    """The options of the settings command as a form, for one's own conversation with the bot in `channel`."""
    shown = [_setting(option, chosen.get(option.name, "")) for option in spec.options if option.name != "scope"]
    return _view(ids.SETTINGS_VIEW, "My settings", "Save", {"channel": channel}, shown)


def round_view(press: Press, chosen: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a brainstorm; `chosen`: what holds now, by field."""
    shown = [_setting(option, chosen.get(option.name, "")) for option in FIELDS]
    return _view(ids.ROUND_VIEW, Sentence.ROUND, Sentence.ROUND_SAVE, _private(press), shown)


def _setting(option: Option, value: str) -> dict[str, Any]:
    label = f"{option.name.capitalize()}: {option.summary}"[:150]
    if option.kind is OptionKind.CHOICE:
        options = [{"text": _plain(choice), "value": choice} for choice in option.choices]
        initial = [o for o in options if o["value"] == value][:1]
        element: dict[str, Any] = {"type": "static_select", "options": options}
        element |= {"initial_option": initial[0]} if initial else {}
    else:
        longest = LONGEST if option.maximum is None or option.kind is OptionKind.NUMBER else option.maximum
        element = {"type": "plain_text_input", "max_length": longest}
        element |= {"initial_value": value[:longest]} if value else {}
    return _input(option.name, label, element, optional=True)


# What comes back


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent. `errors` go to the fields (block ids) that they are about."""

    description: str = ""
    change: str | None = None
    files: tuple[Payload, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)


def read_form(body: Payload, config: SlackConfig) -> Filled:
    """Edit or new picture. Slack has the files already: by what it says of them the wrong ones are refused here."""
    values = _values(body)
    description = text_at(values, DESCRIPTION, "value", "value").strip()
    change = text_at(values, CHANGE, "value", "selected_option", "value")
    sent = _at(values, FILES, "value", "files")
    found = tuple(f for f in sent if isinstance(f, Mapping)) if isinstance(sent, Sequence) else ()
    errors: dict[str, str] = {}
    if not description:
        errors[DESCRIPTION] = "Describe the whole picture that you want."
    elif len(description) > LONGEST:
        errors[DESCRIPTION] = f"Use at most {LONGEST:,} characters; yours has {len(description):,}."
    refused = [sentence for f in found if (sentence := files.why_not(f, config)) is not None]
    if refused:
        errors[FILES] = " ".join(refused)[:LONGEST]
    elif len(found) > config.max_files:
        errors[FILES] = f"Use at most {config.max_files} pictures."
    return Filled(description, read_change(change), found, errors)


def read_settings(body: Payload, spec: CommandSpec) -> tuple[dict[str, str | int], dict[str, str]]:
    """The options of the settings form that were filled in or emptied, and errors by field."""
    values = _values(body)
    given: dict[str, str | int] = {}
    errors: dict[str, str] = {}
    for option in spec.options:
        if option.name not in values:
            continue
        text = _value(values, option)
        if option.kind is OptionKind.CHOICE and text and text not in option.choices:
            errors[option.name] = f"Choose one of: {', '.join(option.choices)}."
        elif option.maximum is not None and len(text) > option.maximum:
            errors[option.name] = f"Use at most {option.maximum} characters."
        given[option.name] = text
    return given, errors


def read_round(body: Payload) -> Given:
    """A brainstorm's settings as they were sent."""
    values = _values(body)
    return read_given({option.name: _value(values, option) for option in FIELDS})


def _value(values: Mapping[str, Any], option: Option) -> str:
    kind = ("selected_option", "value") if option.kind is OptionKind.CHOICE else ("value",)
    return text_at(values, option.name, "value", *kind).strip()


def read_private(text: str) -> tuple[ThreadKey, int] | None:
    """Thread and picture of an edit form, or None when it is not one of ours."""
    try:
        data = json.loads(text)
        return ThreadKey("slack", str(data["tenant"]), str(data["channel"]), str(data["thread"])), int(data["picture"])
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class About:
    """The message that a form is about, with files whose details Slack is still to be asked for."""

    thread: ThreadKey
    files: tuple[Payload, ...]


def read_message_of(text: str) -> About | None:
    """None when the form is about no message."""
    try:
        data = json.loads(text)
        thread = ThreadKey("slack", str(data["tenant"]), str(data["channel"]), str(data["thread"]))
        named = tuple({"id": str(id), "file_access": "check_file_info"} for id in data["files"])
    except (ValueError, KeyError, TypeError):
        return None
    return About(thread, named)


def read_channel(text: str) -> str | None:
    """The conversation of a settings form."""
    try:
        channel = json.loads(text)["channel"]
    except (ValueError, KeyError, TypeError):
        return None
    return channel if isinstance(channel, str) else None


def _values(body: Payload) -> Mapping[str, Any]:
    found = _at(body, "view", "state", "values")
    return found if isinstance(found, Mapping) else {}


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
