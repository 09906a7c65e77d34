"""Buttons, menus, shortcuts and forms, already acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids
from bot.chats.slack.clients import Clients
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.incoming import inbound, modals, written
from bot.chats.slack.incoming.arrivals import Arrivals
from bot.chats.slack.incoming.calls import Calls
from bot.chats.slack.incoming.inbox import Entry
from bot.chats.slack.incoming.members import whereabouts
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.outgoing.blocks import section
from bot.chats.slack.outgoing.picks import choice
from bot.chats.slack.outgoing.recall import known_of
from bot.chats.slack.outgoing.render import picked
from bot.chats.slack.outgoing.status import mark_session
from bot.chats.slack.outgoing.stream import Destination
from bot.chats.slack.people import People
from bot.chats.slack.ports import KeyValue
from bot.chats.slack.trouble import FAILURES
from handlers.brainstorm.form import round_with, settings_of
from handlers.english import Sentence
from handlers.errors import UserError
from handlers.intake import going_by
from handlers.model import (
    NOWHERE,
    Action,
    Answer,
    Attachment,
    Incoming,
    Person,
    PicturePart,
    Press,
    ThreadKey,
)
from handlers.ports import Handlers, Store
from imaging.model import Operation

log = logging.getLogger(__name__)

LOOK_UP_S = 1.2
"""A form must be opened within 3 s of the click: the store gets so much of that, …"""
WHO_S = 0.8
"""… and the question who it is so much. Whom nobody knows in time has no roles; the filled form is checked again."""
TOO_LATE = "Slack took too long to open the form; please press the button again."


class Presses:
    def __init__(
        self, config: SlackConfig, clients: Clients, handlers: Handlers, store: Store, people: People,
        arrivals: Arrivals, calls: Calls, answers: Answers,
        memory: KeyValue,
    ) -> None:  # fmt: skip
        self._config = config
        self._clients = clients
        self._handlers = handlers
        self._store = store
        self._people = people
        self._arrivals = arrivals
        self._calls = calls
        self._answers = answers
        self._memory = memory

    # Buttons

    async def open_edit(self, press: Press, trigger: str, client: AsyncWebClient) -> None:
        """Edit…: the form comes first, before anything else is asked; it may be opened for 3 s only."""
        try:
            async with asyncio.timeout(LOOK_UP_S):
                picture = await self._store.picture(press.thread, press.picture or 0)
        except (TimeoutError, UserError) as error:
            log.warning("picture %s is not known in time: %s", press.picture, error)
            await self._answers.tell(press.thread, press.person, TOO_LATE)
            return
        if picture is None:
            await self._answers.tell(
                press.thread, press.person, f"Picture #{press.picture} is not in this thread any more."
            )
            return
        await self._open(modals.edit_view(press, picture.description, self._config.max_files), trigger, client, press)

    async def open_round(self, press: Press, trigger: str, client: AsyncWebClient) -> None:
        """The settings of a brainstorm, likewise; empty where they are not known in time."""
        found = None
        try:
            async with asyncio.timeout(LOOK_UP_S):
                found = await round_with(self._store, press.thread, press.picture)
        except (TimeoutError, UserError) as error:
            log.warning("the round with picture %s is not known in time: %s", press.picture, error)
        await self._open(modals.round_view(press, settings_of(found)), trigger, client, press)

    async def _open(self, view: dict[str, Any], trigger: str, client: AsyncWebClient, press: Press) -> None:
        person = press.person
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WHO_S):
                person = await self._people.of(client, press.thread.tenant, person.id)
        if await self._refused(press.thread, person):
            return
        try:
            await client.views_open(trigger_id=trigger, view=view)
        except FAILURES as error:
            log.info("a form could not be opened: %s", error)
            await self._answers.tell(press.thread, press.person, TOO_LATE)

    async def click(self, entry: Entry) -> None:
        """Every other button."""
        user = inbound.text_at(entry.body, "user", "id")
        person = await self._people.of(await self._clients.of(entry.team), entry.team, user)
        press = inbound.read_action(entry.body, entry.team, person)
        if press is None or await self._refused(press.thread, person):
            return
        answer = await self._handlers.press(press)
        if answer.picture is None:
            await self._answers.answer(press.thread, person, answer)
        else:
            await self._offer(press.thread, person, answer.text, answer.picture)

    async def _offer(self, thread: ThreadKey, person: Person, text: str, part: PicturePart) -> None:
        """A picture with what can be done with it, to who picked it. Its buttons name the thread."""
        picture = await self._store.picture(thread, part.number)
        known = None if picture is None else await known_of(self._store, self._memory, picture.turn)
        file = known.files.get(part.slot) if known is not None else None
        await self._answers.offer(thread, person, text, picked(part, file, thread.thread))

    async def _ask_which(self, thread: ThreadKey, person: Person, numbers: Sequence[int], action: Action) -> None:
        if await self._refused(thread, person):
            return
        parts = [PicturePart("", number, Operation.IMAGE, "") for number in numbers]
        shown = [section(Sentence.WHICH), choice(action, parts, thread.thread)]
        await self._answers.offer(thread, person, Sentence.WHICH, shown)

    async def _refused(self, thread: ThreadKey, person: Person) -> bool:
        refused = await self._handlers.refusal(whereabouts(thread), person)
        if refused is not None:
            await self._answers.tell(thread, person, refused)
        return refused is not None

    async def stopped(self, event: Mapping[str, Any], team: str) -> None:
        """Slack's own Stop button."""
        channel = str(event.get("channel") or event.get("channel_id") or "")
        user = str(event.get("user") or event.get("user_id") or "")
        ts = str(event.get("thread_ts") or "")
        client = await self._clients.of(team)
        person = await self._people.of(client, team, user)
        key = ThreadKey("slack", team, channel, ts or ids.DIRECT)
        name = f"slack/stop/{channel}/{ts}/{event.get('event_ts')}"
        answer = await self._handlers.press(Press(name, key, person, Action.STOP))
        # The session stays "processing" until somebody says otherwise. An answer that goes on says so again.
        await mark_session(client, Destination(team, channel, ids.thread_ts(key.thread)), "active")
        await self._answers.answer(key, person, Answer(answer.text))

    # Forms

    async def filled(self, entry: Entry) -> None:
        """An edit or a new picture, valid."""
        body, team = entry.body, entry.team
        form = modals.read_form(body, self._config)
        client = await self._clients.of(team)
        person = await self._people.of(client, team, inbound.text_at(body, "user", "id"))
        private = inbound.text_at(body, "view", "private_metadata")
        target = modals.read_private(private)
        about = modals.read_message_of(private)
        if target is not None:
            await self._edit(entry.name, form, *target, person, client)
            return
        where = about.thread if about is not None else ThreadKey("slack", team, person.id, NOWHERE)
        if await self._refused(where, person):
            return
        brought = (*form.files, *(about.files if about is not None else ()))
        attachments = await self._brought(client, where, person, brought)
        if about is not None:
            await self._handlers.receive(Incoming(f"slack/{entry.name}", where, person, form.description, attachments))
        else:
            await self._calls.open_thread(entry.name, where, person, form.description, attachments)

    async def _edit(
        self, name: str, form: modals.Filled, thread: ThreadKey, number: int, person: Person, client: AsyncWebClient
    ) -> None:
        if await self._refused(thread, person):
            return
        press = Press(f"slack/{name}", thread, person, Action.EDIT, number, text=form.description, change=form.change)
        attachments = await self._brought(client, thread, person, form.files)
        if attachments:
            await self._handlers.receive(going_by(press, attachments))
        else:
            await self._answers.answer(thread, person, await self._handlers.press(press))

    def round_errors(self, body: Mapping[str, Any]) -> Mapping[str, str]:
        """What is wrong in the form with a brainstorm's settings, by field."""
        return modals.read_round(body).errors

    async def change_round(self, entry: Entry) -> None:
        """That form, valid."""
        target = modals.read_private(inbound.text_at(entry.body, "view", "private_metadata"))
        if target is None:
            return
        user = inbound.text_at(entry.body, "user", "id")
        person = await self._people.of(await self._clients.of(entry.team), entry.team, user)
        if await self._refused(target[0], person):
            return
        call = modals.read_round(entry.body).call(f"slack/{entry.name}", target[0], person)
        await self._answers.answer(target[0], person, await self._handlers.command(call))

    async def _brought(
        self, client: AsyncWebClient, thread: ThreadKey, person: Person, files: Sequence[inbound.Payload]
    ) -> tuple[Attachment, ...]:
        """The pictures among some files; of the others the person is told."""
        attachments, problems = await self._arrivals.attachments(client, thread.tenant, files)
        for problem in problems:
            await self._answers.tell(thread, person, problem)
        return attachments

    # Shortcuts

    async def new_picture(self, trigger: str, user: str, team: str, client: AsyncWebClient) -> None:
        nowhere = Press("", ThreadKey("slack", team, user, NOWHERE), Person(user, user), Action.EDIT)
        await self._open(modals.new_view(self._config.max_files), trigger, client, nowhere)

    async def edit_message(self, body: Mapping[str, Any], team: str, bot_user: str, client: AsyncWebClient) -> None:
        """ "Edit this picture" on any message: one of ours, or one with somebody's own picture."""
        message, thread, person = self._message(body, team)
        trigger = inbound.text_at(body, "trigger_id")
        numbers = inbound.shown_pictures(message, bot_user)
        files = [str(file.get("id")) for file in written.files_of(message)]
        if len(numbers) > 1:
            await self._ask_which(thread, person, numbers, Action.EDIT)
        elif numbers:
            await self.open_edit(Press("", thread, person, Action.EDIT, numbers[0]), trigger, client)
        elif files:
            view = modals.made_view(thread, files[: self._config.max_files], self._config.max_files)
            await self._open(view, trigger, client, Press("", thread, person, Action.EDIT))
        else:
            await self._answers.tell(thread, person, Sentence.NO_PICTURE)

    async def use_message(self, entry: Entry) -> None:
        """ "Use as reference": a picture of ours becomes the current one, somebody's own a numbered one."""
        message, thread, asker = self._message(entry.body, entry.team)
        client = await self._clients.of(entry.team)
        person = await self._people.of(client, entry.team, asker.id)
        if await self._refused(thread, person):
            return
        numbers = inbound.shown_pictures(message, inbound.text_at(entry.body, "bot_user"))
        files = written.files_of(message)
        if len(numbers) > 1:
            await self._ask_which(thread, person, numbers, Action.SELECT)
            return
        if numbers:
            press = Press(f"slack/{entry.name}", thread, person, Action.SELECT, numbers[0])
            await self._answers.answer(thread, person, await self._handlers.press(press))
            return
        attachments = await self._brought(client, thread, person, files)
        if attachments:
            event = f"slack/{thread.tenant}/{thread.channel}/reference/{message.get('ts')}"
            await self._handlers.receive(Incoming(event, thread, person, "", attachments))
        elif not files:
            await self._answers.tell(thread, person, Sentence.NO_PICTURE)

    def _message(self, body: Mapping[str, Any], team: str) -> tuple[Mapping[str, Any], ThreadKey, Person]:
        """The message of a message shortcut, its thread, and who used it (by id only)."""
        found = body.get("message")
        message: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        container = {
            "channel_id": inbound.text_at(body, "channel", "id"), "message_ts": inbound.text_at(message, "ts"),
            "thread_ts": message.get("thread_ts"),
        }  # fmt: skip
        thread = inbound.read_place({"container": container}, team)
        assert thread is not None
        user = inbound.text_at(body, "user", "id")
        return message, thread, Person(user, user)


def trimmed(body: Mapping[str, Any], bot_user: str) -> dict[str, Any]:
    """What is needed of a click or a form to do it after a restart; the message around a button can be long."""
    kept = {key: body[key] for key in ("user", "actions", "container", "trigger_id", "channel") if key in body}
    view, message = body.get("view"), body.get("message")
    if isinstance(view, Mapping):
        kept["view"] = {key: view[key] for key in ("id", "callback_id", "private_metadata", "state") if key in view}
    if isinstance(message, Mapping):
        shown = {key: message[key] for key in ("ts", "thread_ts", "files", "attachments", "user") if key in message}
        numbers = inbound.shown_pictures(message, bot_user)
        kept["message"] = shown | {"blocks": [{"block_id": ids.card_id(number)} for number in numbers]}
    return {**kept, "bot_user": bot_user}
