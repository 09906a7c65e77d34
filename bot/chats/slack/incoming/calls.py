"""`/easel …`: read, then a turn in a thread or a call of the handlers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.chats.slack.clients import Clients
from bot.chats.slack.incoming import inbound
from bot.chats.slack.incoming.commands import read_command
from bot.chats.slack.incoming.galleries import Galleries
from bot.chats.slack.incoming.inbox import Entry
from bot.chats.slack.incoming.members import whereabouts
from bot.chats.slack.incoming.places import Places
from bot.chats.slack.outgoing import markup
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.people import People
from bot.chats.slack.ports import KeyValue
from bot.chats.slack.trouble import FAILURES, patiently
from handlers.command_text import BadCommand, as_message
from handlers.model import NOWHERE, Attachment, CommandSpec, Incoming, Person, ThreadKey
from handlers.ports import Handlers

log = logging.getLogger(__name__)

NO_SESSION = "There is no session in this channel yet: begin one with /imagine, or mention me."
CANNOT_POST = "I cannot post in this channel; invite me with /invite, or write to me directly."
POSTED = "slack/wish/"
"""Key prefix: the message that a command posted, so that a restart does not post it again."""


class Calls:
    def __init__(
        self, clients: Clients, handlers: Handlers, people: People, places: Places, memory: KeyValue, answers: Answers,
        commands: Sequence[CommandSpec], galleries: Galleries,
    ) -> None:  # fmt: skip
        self._clients = clients
        self._handlers = handlers
        self._people = people
        self._places = places
        self._memory = memory
        self._answers = answers
        self._commands = commands
        self._galleries = galleries

    async def call(self, entry: Entry) -> None:
        """A slash command, already acknowledged and written down."""
        body, team = entry.body, entry.team
        channel = str(body.get("channel_id") or "")
        person = await self._people.of(await self._clients.of(team), team, str(body.get("user_id") or ""))
        url = str(body.get("response_url") or "")
        here = ThreadKey("slack", team, channel, NOWHERE)
        try:
            spec, arguments = read_command(str(body.get("text") or ""), self._commands)
        except BadCommand as error:
            await self._answers.tell(here, person, str(error), url)
            return
        where = replace(whereabouts(here), admin_act=spec.admin_only, own_data=spec.own_data)
        refused = await self._handlers.refusal(where, person)
        if refused is not None:
            await self._answers.tell(here, person, refused, url)
        elif (text := as_message(spec, arguments)) is not None:
            await self.open_thread(entry.name, here, person, text, url=url)
        else:
            await self._answer(body, spec, arguments, here, person)

    async def _answer(
        self, body: Mapping[str, Any], spec: CommandSpec, arguments: dict[str, str | int], here: ThreadKey,
        person: Person,
    ) -> None:  # fmt: skip
        url = str(body.get("response_url") or "")
        thread = await self._places.latest(here.tenant, here.channel, person)
        if spec.in_session and thread.thread == NOWHERE:
            await self._answers.tell(here, person, NO_SESSION, url)
            return
        scoped = any(option.name == "scope" for option in spec.options)
        about_thread = spec.in_session or (scoped and arguments.get("scope", "thread") == "thread")
        meant = here if spec.about_place else thread
        answer = await self._handlers.command(inbound.command_call(body, spec, arguments, meant, person))
        if answer.gallery is not None:
            await self._galleries.show(here, person, answer, url)
            return
        await self._answers.answer(thread if about_thread else here, person, answer, url)

    async def open_thread(
        self, name: str, where: ThreadKey, person: Person, text: str, attachments: tuple[Attachment, ...] = (), *,
        url: str = "",
    ) -> None:  # fmt: skip
        """Show the words for all to see; the answer is their thread. In a channel of a person's id: directly to them.

        Args:
            name: Of what is worked on; after a restart the words are not posted a second time.
        """
        noted = await self._memory.get(POSTED + name)
        channel, _, ts = (noted or "").partition(" ")
        if not ts:
            client = await self._clients.of(where.tenant)
            shown = markup.clip(f"<@{person.id}>: {markup.escape(text)}", markup.SECTION_LIMIT)
            try:
                posted = await patiently(
                    partial(client.chat_postMessage, channel=where.channel, text=shown, unfurl_links=False)
                )
            except FAILURES as error:
                log.info("the words of a command cannot be posted: %s", error)
                await self._answers.tell(where, person, CANNOT_POST, url)
                return
            channel, ts = str(posted["channel"]), str(posted["ts"])
            await self._memory.put(POSTED + name, f"{channel} {ts}")
        thread = ThreadKey("slack", where.tenant, channel, ts)
        await self._places.note(thread, person)
        event = f"slack/{where.tenant}/{channel}/{ts}"
        await self._handlers.receive(Incoming(event, thread, person, text, attachments, title=text[:80]))
        await self._memory.delete(POSTED + name)
