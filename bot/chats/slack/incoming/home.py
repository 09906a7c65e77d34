"""App Home: how to start, my pictures, my usage, my settings. What others made or said is nobody's business here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids
from bot.chats.slack.clients import Clients
from bot.chats.slack.incoming import inbound, modals
from bot.chats.slack.incoming.commands import SUBCOMMANDS
from bot.chats.slack.incoming.inbox import Entry
from bot.chats.slack.incoming.members import whereabouts
from bot.chats.slack.outgoing import blocks, markup, render
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.outgoing.recall import read_reference
from bot.chats.slack.people import People
from bot.chats.slack.trouble import FAILURES, code
from handlers.command_text import help_rows
from handlers.english import alt_text
from handlers.model import NOWHERE, CommandSpec, Person, Picture, PicturePart, ThreadKey
from handlers.ports import Handlers, Store
from handlers.presentation import shorten

log = logging.getLogger(__name__)

PICTURES = 6
START = (
    "*Talk, and pictures appear.* Mention me in a channel, write to me here, or use `/easel imagine an idea`. "
    "In a thread that I answered every message counts: “make it blue”, “the second one”, “more like #3”.\n"
    "_My words and pictures are made with AI: words may be wrong, and pictures show nothing that happened. "
    "`/easel verify` says what a picture tells of its origin._"
)


@dataclass(frozen=True, slots=True)
class Mine:
    """A picture of one's own: the file that shows it, and where it stands, as far as they are known."""

    picture: Picture
    file: str | None
    link: str | None


def view(
    mine: Sequence[Mine], usage: str, settings: Mapping[str, str], channel: str, commands: Sequence[CommandSpec], *,
    admin: bool = False, images: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """A `views.publish` payload within 100 blocks, for an `admin` of the workspace. `images=False`: in words only."""
    shown: list[blocks.Block] = [_header("Easel"), blocks.section(START), {"type": "divider"}, _header("My pictures")]
    for one in mine:
        shown += _picture(one, images=images)
    if not mine:
        shown.append(blocks.context("None yet."))
    shown += [{"type": "divider"}, _header("My usage"), blocks.section(_words(usage or "Not known just now."))]
    shown += [{"type": "divider"}, _header("My settings"), _settings(settings, channel)]
    usages = help_rows(commands, SUBCOMMANDS, admin=admin)
    rows = [f"`{written}` {markup.escape(summary)}" for written, summary in usages.items()]
    shown += [{"type": "divider"}, _header("Commands")]
    shown += [blocks.section(piece) for piece in markup.split("\n".join(rows))]
    return {"type": "home", "blocks": shown}


def _header(text: str) -> blocks.Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def _words(text: str) -> str:
    return markup.clip(markup.escape(text), markup.SECTION_LIMIT)


def _picture(one: Mine, *, images: bool) -> list[blocks.Block]:
    picture = one.picture
    where = f" — <{one.link}|open its thread>" if one.link else ""
    line = f"*#{picture.number}* {markup.escape(shorten(picture.description, render.SHORT))}{where}"
    if not images or one.file is None:
        return [blocks.section(line)]
    told = picture.description or f"Picture {picture.number}"
    alt = alt_text(told, picture.operation, render.ALT_LIMIT)
    return [{"type": "image", "slack_file": {"id": one.file}, "alt_text": alt}, blocks.context(line)]


def _settings(settings: Mapping[str, str], channel: str) -> blocks.Block:
    told = "\n".join(f"{name}: {markup.escape(value)}" for name, value in settings.items()) or "As they come."
    button = {
        "type": "button", "action_id": ids.HOME_SETTINGS, "value": channel,
        "text": {"type": "plain_text", "text": "Change…"},
    }  # fmt: skip
    return blocks.section(markup.clip(f"In our direct messages:\n{told}", markup.SECTION_LIMIT)) | {"accessory": button}


class HomePage:
    def __init__(
        self, clients: Clients, handlers: Handlers, store: Store, people: People, answers: Answers,
        commands: Sequence[CommandSpec],
    ) -> None:  # fmt: skip
        self._clients = clients
        self._handlers = handlers
        self._store = store
        self._people = people
        self._answers = answers
        self._commands = commands
        self._rows = {spec.name: spec for spec in commands}

    async def show(self, user: str, channel: str, team: str) -> None:
        """Bring a person's home page up to date. `channel` is their conversation with the bot."""
        client = await self._clients.of(team)
        person = await self._people.of(client, team, user)
        here = ThreadKey("slack", team, channel, NOWHERE)
        where = replace(whereabouts(here), untold=True)  # a page says it as often as it is opened
        if (refused := await self._handlers.refusal(where, person)) is not None:
            await client.views_publish(user_id=user, view={"type": "home", "blocks": [blocks.section(_words(refused))]})
            return
        mine = [await self._mine(client, p) for p in await self._store.made_by("slack", team, person, limit=PICTURES)]
        call = inbound.command_call({"trigger_id": f"home-{user}"}, self._rows["usage"], {}, here, person)
        usage = await self._handlers.command(call)
        settings = (await self._store.session(here)).settings
        home = partial(
            view, mine, self._answers.words(usage.text), settings, channel, self._commands, admin=person.admin
        )
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
