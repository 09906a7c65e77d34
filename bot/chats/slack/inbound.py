"""Slack's payloads as our words: pure translation, tested with garbage. `None` means: not for us."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.chats.slack import marks, mrkdwn
from handlers.model import Action, CommandCall, CommandSpec, Incoming, OptionKind, Person, Press, ThreadKey

Payload = Mapping[str, Any]

_IGNORED = frozenset(
    {"message_changed", "message_deleted", "channel_join", "channel_leave", "channel_topic", "channel_purpose",
     "channel_name", "bot_message", "assistant_app_thread", "tombstone", "channel_archive", "channel_unarchive"}
)  # fmt: skip
_MENTION = re.compile(r"<@([A-Z0-9]{2,20})(?:\|[^>]{0,80})?>")
_LINK = re.compile(r"<(https?://[^|>\s]{1,3000})(?:\|([^>]{0,300}))?>")
_CHANNEL = re.compile(r"<#[A-Z0-9]{2,20}\|?([^>]{0,80})>")
_NAMED = re.compile(r"<(?:@|#|!subteam\^)([A-Z0-9]{2,20})(?:\|[^>]{0,80})?>")
"""A person, channel or user group in the text of a command: Slack writes ids where people wrote names."""
_SPECIAL = re.compile(r"<!([a-z]+)(?:[\^|][^>]{0,200})?>")


@dataclass(frozen=True, slots=True)
class Message:
    """An event that may be a turn. `mentioned`: the bot is named in it. `direct`: no channel around it."""

    team: str
    channel: str
    user: str
    ts: str
    thread_ts: str | None
    text: str
    files: tuple[Payload, ...]
    mentioned: bool
    direct: bool

    @property
    def root(self) -> str:
        """The thread that the answer goes to."""
        return self.thread_ts or self.ts

    @property
    def key(self) -> ThreadKey:
        return ThreadKey("slack", self.team, self.channel, self.root)

    @property
    def event(self) -> str:
        """The same message has the same name whether it came as a mention, as a message, again, or under a new
        event id: Slack's own identity of a message is channel and `ts`."""
        return f"slack/{self.team}/{self.channel}/{self.ts}"


def clean_text(text: str, bot_user: str) -> str:
    """What the person meant: without the mention of the bot, links and entities as plain characters."""
    text = _MENTION.sub(lambda m: "" if m[1] == bot_user else f"@{m[1]}", text)
    text = _LINK.sub(lambda m: m[2] or m[1], text)
    text = _CHANNEL.sub(lambda m: "#" + m[1], text)
    text = _SPECIAL.sub(lambda m: "@" + m[1], text)
    return mrkdwn.unescape(text).strip()


def read_message(event: Payload, team: str, bot_user: str) -> Message | None:
    """A `message` or `app_mention` event of a person; None for edits, joins, bots and the malformed."""
    user, channel, ts = event.get("user"), event.get("channel"), event.get("ts")
    if not (isinstance(user, str) and isinstance(channel, str) and isinstance(ts, str)):
        return None
    if event.get("bot_id") or event.get("subtype") in _IGNORED or user == bot_user:
        return None
    raw = event.get("text")
    text = raw if isinstance(raw, str) else ""
    thread = event.get("thread_ts")
    files = event.get("files")
    found = tuple(f for f in files if isinstance(f, Mapping)) if isinstance(files, Sequence) else ()
    return Message(
        team=team,
        channel=channel,
        user=user,
        ts=ts,
        thread_ts=thread if isinstance(thread, str) else None,
        text=clean_text(text, bot_user),
        files=found,
        mentioned=event.get("type") == "app_mention" or f"<@{bot_user}" in text,
        direct=event.get("channel_type") in ("im", "app_home") or channel.startswith("D"),
    )


def incoming(message: Message, person: Person, attachments: tuple[Any, ...]) -> Incoming:
    title = message.text.splitlines()[0][:80] if message.text and message.thread_ts is None else ""
    return Incoming(message.event, message.key, person, message.text, attachments, title=title)


def read_action(body: Payload, team: str, person: Person) -> Press | None:
    """A click of one of our buttons or menus."""
    actions = body.get("actions")
    if not isinstance(actions, Sequence) or not actions or not isinstance(actions[0], Mapping):
        return None
    action = actions[0]
    chosen = action.get("selected_option")
    name = chosen.get("value") if isinstance(chosen, Mapping) else action.get("action_id")
    mark = marks.read_action_id(name) if isinstance(name, str) else None
    container = body.get("container")
    if mark is None or not isinstance(container, Mapping):
        return None
    channel = container.get("channel_id")
    message_ts = container.get("message_ts")
    thread = container.get("thread_ts") or message_ts
    if not (isinstance(channel, str) and isinstance(thread, str)):
        return None
    stamp = action.get("action_ts") or body.get("trigger_id") or ""
    return Press(
        event=f"slack/{team}/{channel}/{message_ts}/{mark.action}/{mark.number}/{stamp}",
        thread=ThreadKey("slack", team, channel, thread),
        person=person,
        action=mark.action,
        picture=mark.number,
    )


class BadCommand(ValueError):
    """A slash command that cannot be read; `str()` says how to write it."""


def read_command(text: str, specs: Sequence[CommandSpec]) -> tuple[CommandSpec, dict[str, str | int]]:
    """`/easel SUBCOMMAND arguments`: `name:value` or `name=value` pairs, the rest is the first text option.

    Raises:
        BadCommand: unknown subcommand, a missing or malformed argument; says what to write.
    """
    name, _, rest = text.strip().partition(" ")
    rows = {spec.name: spec for spec in specs}
    spec = rows.get((name or "help").lower().lstrip("/"))
    if spec is None:
        raise BadCommand(f"There is no /easel {name[:40]}; try one of: {', '.join(rows)}.")
    given: dict[str, str] = {}
    words: list[str] = []
    known = {option.name for option in spec.options}
    for word in rest.split():
        key, mark, value = word.replace("=", ":", 1).partition(":")
        if mark and value and key.lower() in known:
            given[key.lower()] = value
        else:
            words.append(word)
    free = [option for option in spec.options if option.name not in given]
    if words and free:
        given[free[0].name] = " ".join(words)
    elif words:
        raise BadCommand(f"/easel {spec.name} does not take “{' '.join(words)[:60]}”; {usage(spec)}.")
    return spec, {key: _value(spec, key, value) for key, value in given.items()} | _check(spec, given)


def _check(spec: CommandSpec, given: Mapping[str, str]) -> dict[str, str | int]:
    missing = [option.name for option in spec.options if option.required and option.name not in given]
    if missing:
        raise BadCommand(f"/easel {spec.name} needs {' and '.join(missing)}; {usage(spec)}.")
    return {}


def _value(spec: CommandSpec, name: str, value: str) -> str | int:
    option = next(option for option in spec.options if option.name == name)
    if option.choices and option.kind is not OptionKind.STYLE and value not in option.choices:
        raise BadCommand(f"{name} must be one of: {', '.join(option.choices)}.")
    if option.kind in (OptionKind.CHANNEL, OptionKind.PERSON, OptionKind.ROLE):
        named = _NAMED.fullmatch(value)
        return named[1] if named else value
    if option.kind not in (OptionKind.NUMBER, OptionKind.PICTURE):
        return value
    try:
        number = int(value.lstrip("#"))
    except ValueError:
        raise BadCommand(f"{name} must be a number, not “{value[:40]}”.") from None
    low, high = option.minimum, option.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise BadCommand(f"{name} must be between {low} and {high}.")
    return number


def usage(spec: CommandSpec) -> str:
    """How to write a command, in one phrase."""
    parts = [o.name if o.required else f"[{o.name}:…]" for o in spec.options]
    return f"write /easel {' '.join([spec.name, *parts])}"


def command_call(
    body: Payload, spec: CommandSpec, arguments: dict[str, str | int], team: str, person: Person
) -> CommandCall:
    channel = str(body.get("channel_id") or "")
    event = f"slack/{team}/{channel}/command/{body.get('trigger_id') or ''}"
    thread = str(body.get("thread_ts") or "-")
    key = ThreadKey("slack", team, channel, thread)
    return CommandCall(event, key, person, spec.name, arguments, in_thread=thread != "-")


def read_edit_view(body: Payload) -> tuple[str, str | None, dict[str, str]]:
    """The edit modal's answer: description, change, and errors by block id for `response_action=errors`."""
    view = body.get("view")
    state = view.get("state") if isinstance(view, Mapping) else None
    values = state.get("values") if isinstance(state, Mapping) else None
    blocks: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
    description = str(((blocks.get("description") or {}).get("value") or {}).get("value") or "").strip()
    chosen = ((blocks.get("change") or {}).get("value") or {}).get("selected_option") or {}
    change = chosen.get("value") if chosen.get("value") in ("small", "large") else None
    errors = {} if description else {"description": "Describe the whole picture that you want."}
    if len(description) > 2_000:
        errors = {"description": "Use at most 2,000 characters."}
    return description, change, errors


def is_edit(press: Press) -> bool:
    """Whether a click first asks for words (a modal) instead of acting."""
    return press.action is Action.EDIT
