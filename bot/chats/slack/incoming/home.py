"""App Home and its buttons. What others made or said is nobody's business here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, assert_never

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids
from bot.chats.slack.clients import Clients
from bot.chats.slack.incoming import inbound, modals
from bot.chats.slack.incoming.commands import SUBCOMMANDS
from bot.chats.slack.incoming.home_view import (
    LABELS,
    MORE,
    PICTURES,
    Button,
    Mine,
    refused_view,
    told_view,
    view,
)
from bot.chats.slack.incoming.inbox import Entry
from bot.chats.slack.incoming.members import whereabouts
from bot.chats.slack.incoming.presses import Presses
from bot.chats.slack.outgoing import markup
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.outgoing.recall import read_reference
from bot.chats.slack.people import People
from bot.chats.slack.trouble import FAILURES, code
from handlers.command_text import help_rows
from handlers.model import NOWHERE, CommandSpec, Person, Picture, PicturePart, ThreadKey
from handlers.ports import Handlers, Store

log = logging.getLogger(__name__)


class HomePage:
    def __init__(
        self, clients: Clients, handlers: Handlers, store: Store, people: People, answers: Answers,
        presses: Presses, commands: Sequence[CommandSpec],
    ) -> None:  # fmt: skip
        self._presses = presses
        self._clients = clients
        self._handlers = handlers
        self._store = store
        self._people = people
        self._answers = answers
        self._commands = commands
        self._rows = {spec.name: spec for spec in commands}

    async def show(self, user: str, channel: str, team: str, *, said: str = "", most: int = PICTURES) -> None:
        """Bring a person's home page up to date.

        Args:
            channel: Their conversation with the bot.
            said: What a button answered.
            most: Pictures that are shown.
        """
        client = await self._clients.of(team)
        person = await self._people.of(client, team, user)
        here = ThreadKey("slack", team, channel, NOWHERE)
        where = replace(whereabouts(here), untold=True)  # a page says it as often as it is opened
        if (refused := await self._handlers.refusal(where, person)) is not None:
            await client.views_publish(user_id=user, view=refused_view(said or refused, channel))
            return
        made = await self._store.made_by("slack", team, person, limit=most + 1)
        mine = [await self._mine(client, picture) for picture in made[:most]]
        usage = self._answers.words(await self._usage(here, person))
        settings = (await self._store.session(here)).settings
        more = len(made) > most and most < MORE
        home = partial(view, mine, usage, settings, channel, said=said, more=more)
        try:
            await client.views_publish(user_id=user, view=home())
        except SlackApiError as error:
            if code(error) not in ("invalid_blocks", "invalid_arguments"):
                raise
            log.info("home page of %s without pictures: %s", user, error)
            await client.views_publish(user_id=user, view=home(images=False))

    async def _mine(self, client: AsyncWebClient, picture: Picture) -> Mine:
        turn = await self._store.turn(picture.turn)
        slot = next(
            (p.slot for p in (turn.parts if turn else ()) if isinstance(p, PicturePart) and p.number == picture.number),
            None,
        )
        known = read_reference(turn.post if turn else None)
        ts = known.messages[0].ts if known.messages else ids.thread_ts(picture.thread.thread)
        return Mine(picture, known.files.get(slot or ""), await self._link(client, picture.thread.channel, ts))

    async def _link(self, client: AsyncWebClient, channel: str, ts: str | None) -> str | None:
        if ts is None:
            return None
        try:
            return str((await client.chat_getPermalink(channel=channel, message_ts=ts))["permalink"])
        except FAILURES as error:
            log.info("no link to a picture: %s", error)
            return None

    async def _usage(self, here: ThreadKey, person: Person) -> str:
        call = inbound.command_call({"trigger_id": f"home-{person.id}"}, self._rows["usage"], {}, here, person)
        return (await self._handlers.command(call)).text

    # Buttons

    async def press(
        self, button: Button, channel: str, trigger: str, team: str, user: str, client: AsyncWebClient
    ) -> None:
        """Everything but `Button.FORGET`, which is written down first."""
        match button:
            case Button.NEW:
                await self._presses.new_picture(trigger, user, team, client)
            case Button.MORE:
                await self.show(user, channel, team, most=MORE)
            case Button.SETTINGS:
                await self.open_settings(channel, trigger, team, user, client)
            case Button.USAGE | Button.COMMANDS:
                await self._tell(button, channel, trigger, team, user, client)
            case Button.FORGET:
                raise AssertionError(f"{button} is done by `forget`")
            case _:
                assert_never(button)

    async def _tell(
        self, button: Button, channel: str, trigger: str, team: str, user: str, client: AsyncWebClient
    ) -> None:
        here = ThreadKey("slack", team, channel, NOWHERE)
        person = await self._people.of(client, team, user)
        if await self._refused(here, person):
            return
        if button is Button.USAGE:
            told = self._answers.words(await self._usage(here, person)) or "Not known just now."
        else:
            usages = help_rows(self._commands, SUBCOMMANDS, admin=person.admin)
            told = "\n".join(f"`{written}` {markup.escape(summary)}" for written, summary in usages.items())
        await client.views_open(trigger_id=trigger, view=told_view(LABELS[button], markup.split(told)))

    async def forget(self, entry: Entry) -> None:
        """Somebody has confirmed that all that is kept of them goes, wherever they may or may not be."""
        user = inbound.text_at(entry.body, "user", "id")
        channel = inbound.text_at(entry.body["actions"][0], "value")
        person = await self._people.of(await self._clients.of(entry.team), entry.team, user)
        here = ThreadKey("slack", entry.team, channel, NOWHERE)
        call = inbound.command_call({"trigger_id": entry.name}, self._rows["forget"], {"confirm": "yes"}, here, person)
        answer = await self._handlers.command(call)
        await self.show(user, channel, entry.team, said=answer.text)

    # Settings

    async def open_settings(self, channel: str, trigger: str, team: str, user: str, client: AsyncWebClient) -> None:
        here = ThreadKey("slack", team, channel, NOWHERE)
        if await self._refused(here, await self._people.of(client, team, user)):
            return
        settings = (await self._store.session(here)).settings
        await client.views_open(
            trigger_id=trigger, view=modals.settings_view(self._rows["settings"], channel, settings)
        )

    async def _refused(self, here: ThreadKey, person: Person) -> bool:
        refused = await self._handlers.refusal(whereabouts(here), person)
        if refused is not None:
            await self._answers.tell(here, person, refused)
        return refused is not None

    def errors(self, body: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong in the settings form, by field."""
        return modals.read_settings(body, self._rows["settings"])[1]

    async def save(self, entry: Entry) -> None:
        """The settings form, valid: it holds for all conversations of this person with the bot."""
        body, team = entry.body, entry.team
        user = inbound.text_at(body, "user", "id")
        channel = modals.read_channel(inbound.text_at(body, "view", "private_metadata"))
        if channel is None or not inbound.is_direct(channel):
            return
        given, _ = modals.read_settings(body, self._rows["settings"])
        person = await self._people.of(await self._clients.of(team), team, user)
        if await self._refused(ThreadKey("slack", team, channel, NOWHERE), person):
            return
        owner = Person(person.id, person.name, admin=True, roles=person.roles)  # of one's own direct messages
        here = ThreadKey("slack", team, channel, NOWHERE)
        call = inbound.command_call(
            {"trigger_id": entry.name}, self._rows["settings"], {**given, "scope": "channel"}, here, owner
        )
        await self._handlers.command(call)
        await self.show(user, channel, team)
