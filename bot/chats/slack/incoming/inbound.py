"""Slack's payloads as our words: pure translation, tested with garbage. `None` means: not for us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.chats.slack import ids
from bot.chats.slack.incoming import written
from handlers.model import NOWHERE, Attachment, CommandCall, CommandSpec, Incoming, Person, Press, ThreadKey

Payload = Mapping[str, Any]

_SAID = frozenset({None, "file_share", "thread_broadcast", "me_message", "message_share"})
"""Subtypes of what people say; edits, joins, pins, reminders, huddles and whatever comes next are nothing of theirs."""
_SLACKBOT = "USLACKBOT"
"""Says the reminders that people set."""
THUMBS = {"+1": True, "thumbsup": True, "-1": False, "thumbsdown": False}
"""Reactions that are votes; skin tones come behind `::`."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event that may be a turn. `mentioned`: the bot is named in it. `direct`: no channel around it."""

    team: str
    channel: str
    user: str
    ts: str
    thread_ts: str | None
    raw: str
    text: str
    files: tuple[Payload, ...]
    mentioned: bool
    direct: bool
    alone: bool = False
    """A direct message where Slack has no agent view: the conversation is one session without threads."""

    @property
    def root(self) -> str:
        """The thread that the answer goes to."""
        return self.thread_ts or (ids.DIRECT if self.alone else self.ts)

    @property
    def key(self) -> ThreadKey:
        return ThreadKey("slack", self.team, self.channel, self.root)

    @property
    def event(self) -> str:
        """The same message has the same name whether it came as a mention, as a message, again, or under a new
        event id: Slack's own identity of a message is channel and `ts`."""
        return f"slack/{self.team}/{self.channel}/{self.ts}"


def read_message(event: Payload, team: str, bot_user: str) -> Message | None:
    """A `message` or `app_mention` event of a person; None for all that Slack or a bot says, and for the malformed."""
    user, channel, ts = event.get("user"), event.get("channel"), event.get("ts")
    if not (isinstance(user, str) and isinstance(channel, str) and isinstance(ts, str)):
        return None
    subtype = event.get("subtype")
    if subtype is not None and not (isinstance(subtype, str) and subtype in _SAID):
        return None
    if event.get("bot_id") or event.get("hidden") or user in (bot_user, _SLACKBOT):
        return None
    own = text_at(event, "text")
    raw = written.text_of(event)
    thread = event.get("thread_ts")
    return Message(
        team=team,
        channel=channel,
        user=user,
        ts=ts,
        thread_ts=thread if isinstance(thread, str) else None,
        raw=raw,
        text=written.clean_text(raw, bot_user),
        files=written.files_of(event),
        mentioned=_is_mentioned(event, own, bot_user),
        direct=event.get("channel_type") in ("im", "app_home") or is_direct(channel),
    )


def _is_mentioned(event: Payload, own: str, bot_user: str) -> bool:
    """Whether the bot is named: by the blocks of the message where it has some, since in its text a mention within code
    looks like any other."""
    named = written.named_in(event)
    if named is not None:
        return bot_user in named
    return event.get("type") == "app_mention" or (bool(bot_user) and f"<@{bot_user}" in own)


def is_direct(channel: str) -> bool:
    """Whether a channel is a conversation of one person with the bot."""
    return channel.startswith("D")


def incoming(
    message: Message, person: Person, attachments: tuple[Attachment, ...], problems: tuple[str, ...] = ()
) -> Incoming:
    title = message.text.splitlines()[0][:80] if message.text and message.thread_ts is None else ""
    return Incoming(message.event, message.key, person, message.text, attachments, problems=problems, title=title)


def read_action(body: Payload, team: str, person: Person) -> Press | None:
    """A click of one of our buttons or menus."""
    actions = body.get("actions")
    if not isinstance(actions, Sequence) or not actions or not isinstance(actions[0], Mapping):
        return None
    action = actions[0]
    chosen = action.get("selected_option")
    name = chosen.get("value") if isinstance(chosen, Mapping) else action.get("action_id")
    mark = ids.read_action_id(name) if isinstance(name, str) else None
    thread = read_place(body, team)
    if mark is None or thread is None:
        return None
    if (named := ids.read_row(action.get("block_id"))) is not None:
        thread = replace(thread, thread=named)
    container = body["container"]
    stamp = action.get("action_ts") or body.get("trigger_id") or ""
    event = f"slack/{team}/{thread.channel}/{container.get('message_ts')}/{mark.action}/{mark.number}/{stamp}"
    return Press(event=event, thread=thread, person=person, action=mark.action, picture=mark.number)


def read_place(body: Payload, team: str) -> ThreadKey | None:
    """The thread of the message that was clicked on."""
    container = body.get("container")
    if not isinstance(container, Mapping):
        return None
    channel, ts = container.get("channel_id"), container.get("message_ts")
    thread = container.get("thread_ts")
    if not isinstance(channel, str) or not isinstance(ts, str):
        return None
    if not isinstance(thread, str):
        # An answer in a thread always names it: one without is of a conversation that has no threads.
        thread = ids.DIRECT if is_direct(channel) else ts
    return ThreadKey("slack", team, channel, thread)


def read_asker(body: Payload, team: str) -> tuple[ThreadKey, str] | None:
    """Who sent an event, a command, a click or a form, and where they can be told something."""
    by = body.get("user")
    user = by if isinstance(by, str) else text_at(body, "user", "id") or text_at(body, "user_id")
    if not user:
        return None
    channel = text_at(body, "channel") or text_at(body, "channel", "id") or text_at(body, "channel_id")
    thread = text_at(body, "thread_ts") or text_at(body, "ts")
    nowhere = ThreadKey("slack", team, channel or user, thread or NOWHERE)
    return read_place(body, team) or nowhere, user


def read_reaction(event: Payload, bot_user: str) -> tuple[str, str, str, bool, bool] | None:
    """(channel, ts, user, up, given) of a thumb on a message of ours; None for every other reaction."""
    name, item, user = event.get("reaction"), event.get("item"), event.get("user")
    if not (isinstance(name, str) and isinstance(item, Mapping) and isinstance(user, str)):
        return None
    up = THUMBS.get(name.partition("::")[0])
    channel, ts = item.get("channel"), item.get("ts")
    if up is None or event.get("item_user") != bot_user or user == bot_user:
        return None
    if item.get("type") != "message" or not isinstance(channel, str) or not isinstance(ts, str):
        return None
    return channel, ts, user, up, event.get("type") == "reaction_added"


def shown_pictures(message: Payload, bot_user: str) -> list[int]:
    """Numbers of our pictures that a message of ours shows, in order; another app's blocks may be called like ours."""
    blocks = message.get("blocks")
    if not isinstance(blocks, Sequence) or message.get("user") != bot_user:
        return []
    found = (ids.read_card(block.get("block_id")) for block in blocks if isinstance(block, Mapping))
    return [number for numbers in found for number in numbers]


def is_growing(message: Payload) -> bool:
    """Whether a message of ours has pictures that are still being drawn: more may come into it."""
    blocks = message.get("blocks")
    named = [text_at(block, "block_id") for block in blocks] if isinstance(blocks, Sequence) else []
    return any(name.startswith(ids.CANCEL) for name in named)


def text_at(value: Any, *path: str) -> str:
    """The text at the end of a path through a payload; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def command_call(
    body: Payload, spec: CommandSpec, arguments: dict[str, str | int], thread: ThreadKey, person: Person
) -> CommandCall:
    event = f"slack/{thread.tenant}/{thread.channel}/command/{body.get('trigger_id') or ''}"
    in_thread = thread.thread != NOWHERE
    return CommandCall(event, thread, person, spec.name, arguments, in_thread=in_thread)
