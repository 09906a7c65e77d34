"""The Discord chat: a `handlers.ports.Chat` over discord.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial

import discord

from bot.chats.discord.config import DiscordConfig, KeyValue
from bot.chats.discord.gateway.catchup import CatchUp
from bot.chats.discord.gateway.client import EaselClient
from bot.chats.discord.gateway.connection import Connection
from bot.chats.discord.gateway.hearing import Hearing
from bot.chats.discord.health import (
    LOOKED_AT,
    NO_INTENT,
    Health,
    invite_link,
    scope_problem,
    server_problem,
    server_problems,
)
from bot.chats.discord.ids import CHAT
from bot.chats.discord.incoming.arrivals import Arrivals
from bot.chats.discord.incoming.calls import Calls
from bot.chats.discord.incoming.members import Members
from bot.chats.discord.incoming.menus import Menus
from bot.chats.discord.incoming.presses import Presses
from bot.chats.discord.incoming.reactions import Reactions
from bot.chats.discord.incoming.round_forms import RoundForms
from bot.chats.discord.incoming.sight import Sight
from bot.chats.discord.outgoing.answers import Answers
from bot.chats.discord.outgoing.covers import Covers
from bot.chats.discord.outgoing.layout import laid_out
from bot.chats.discord.outgoing.markup import plain
from bot.chats.discord.outgoing.media import Media
from bot.chats.discord.outgoing.outbox import POSTED, SENDING
from bot.chats.discord.outgoing.outlet import UPLOAD_LIMIT, Tokens, outlet
from bot.chats.discord.outgoing.post import DiscordPost
from bot.chats.discord.outgoing.views import MessageView, Words
from bot.chats.discord.trouble import FAILURES
from handlers.access import Access, Membership
from handlers.english import Sentence
from handlers.errors import UserError
from handlers.links import guarded
from handlers.model import Answer, CommandCall, CommandSpec, Incoming, Person, Reply, ThreadKey, Turn
from handlers.ports import ChatUnavailable, Handlers, Marking, Store
from handlers.presentation import Why, shorten
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
NOT_DIRECTLY = (
    "The answer is for you alone, and you take no direct messages from here: choose the command in Discord's own list "
    "(type / and its name), or allow them."
)
DEAF = "Discord's gateway is open but tells nothing; it is being opened again."


class DiscordChat:
    def __init__(
        self,
        config: DiscordConfig,
        handlers: Handlers,
        store: Store,
        commands: Sequence[CommandSpec],
        memory: KeyValue,
        marking: Marking,
    ) -> None:
        self._config = config
        self._handlers = handlers
        self._store = store
        self._commands = commands
        self._memory = memory
        self._media = Media(marking)
        self._tokens = Tokens(memory)
        self._tasks = Tasks()
        self._hearing = Hearing(config.answer_s)
        self._catching_up = 0
        self._resumed = False
        self._without_commands: dict[int, str] = {}
        self._connection = Connection(config, self._new_client)
        self._members = Members(lambda: self.client)
        self._sight = Sight(lambda: self.client, memory)

    @property
    def name(self) -> str:
        return CHAT

    @property
    def client(self) -> EaselClient:
        """The one of now: after a lost connection it may be another."""
        return self._connection.client

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> DiscordPost:
        place = outlet(self.client, self._tokens, thread, turn)
        covers = Covers(self._memory, thread)
        return DiscordPost(
            place, self._media, self._memory, self._tasks, self._connection.pace, self._config, turn, reference, covers
        )

    async def memberships(self, thread: ThreadKey, person: Person, access: Access) -> Sequence[Membership]:
        """See `handlers.access.KnowsMembers`."""
        return await self._members.of(person, access)

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> list[ThreadKey]:
        """See `handlers.gallery.KnowsSight`."""
        return await self._sight.seen(asker, here, threads)

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        """A message of a person has no private answer on Discord: the sentence names whom it is for."""
        words = Words(f"-# **{plain(person.name)}**, {shorten(sentence, 1500)}")
        nonce = discord.utils.time_snowflake(discord.utils.utcnow())
        try:
            place = outlet(self.client, self._tokens, thread, f"told-{nonce}")
            with laid_out(MessageView((words,)), {}) as components:
                await place.send(components, (), str(nonce))
        except (*FAILURES, ChatUnavailable) as error:
            log.info("%s could not be told a sentence: %s", person.id, error)
            await self._write_to(person, sentence)

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        nonce = discord.utils.time_snowflake(discord.utils.utcnow())
        try:
            place = outlet(self.client, self._tokens, thread, f"told-{nonce}")
            with laid_out(MessageView((Words(guarded(shorten(sentence, 1500))),)), {}) as components:
                await place.send(components, (), str(nonce))
        except FAILURES as error:
            raise ChatUnavailable(f"Discord does not take it: {error}") from error

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        if turn.post is not None:
            reply = Reply(turn.id, turn.thread, turn.parts, thinking=False, final=True)
            await self.open_reply(turn.id, turn.thread, None, turn.post).redraw(reply, gone)

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        """A message of a person has no private answer where others are: it is sent to them directly."""
        if not answer.private and not answer.files:
            await self.tell(call.thread, call.person, answer.text)
            return
        try:
            user = await self.client.fetch_user(int(call.person.id))
            await Answers(self.client, self._media).write(user, answer, UPLOAD_LIMIT)
        except FAILURES as error:
            log.info("%s takes no direct messages: %s", call.person.id, error)
            await self.tell(call.thread, call.person, NOT_DIRECTLY)
            return
        if call.thread.has_tenant:
            await self.tell(call.thread, call.person, Sentence.BESIDE)

    async def _write_to(self, person: Person, sentence: str) -> None:
        if not person.id.isdecimal():
            return
        try:
            user = await self.client.fetch_user(int(person.id))
            await user.send(shorten(sentence, 1900))
        except FAILURES as error:
            log.info("%s takes no direct messages: %s", person.id, error)

    # ----------------------------------------------------------- start and stop

    def _new_client(self, message_content: bool) -> EaselClient:
        client = EaselClient(self._config, self._tasks, self._memory, message_content=message_content)
        answers = Answers(client, self._media)
        arrivals = Arrivals(client, self, self._handlers, self._config, self._memory)
        forms = RoundForms(self._handlers, self._store, answers, self._tasks)
        presses = Presses(
            client, self, self._handlers, self._store, answers, self._tokens, self._tasks, self._config, forms
        )
        client.wire(
            arrivals,
            Calls(client, self._handlers, self._store, answers, self._tokens, self._tasks, self._memory, self._config),
            presses,
            Menus(client, self._handlers, presses, answers, self._tasks),
            forms,
            Reactions(client, self._handlers),
            self._commands,
            self._connected,
            self._joined,
        )
        return client

    async def start(self) -> None:
        """Log in and go on in the background; an unreachable Discord is tried again.

        Raises:
            DiscordRefused: the token is wrong.
        """
        await self._connection.start()
        self._tasks.spawn(self._note_seen(), "discord cursor")

    async def _connected(self) -> None:
        """Events arrive. Called again after each session that could not be taken up."""
        self._connection.problem = None
        for sentence in self.health().problems:
            log.warning("%s", sentence)
        self._tasks.spawn(self._look_at(self.client.guilds[:LOOKED_AT]), "discord scopes")
        log.info("invite me with %s", invite_link(self.client.application_id or 0))
        if not self._resumed:
            self._resumed = True
            self._tasks.spawn(self._resume(), "discord resume")
        self._tasks.spawn(self._catch_up(), "discord catch-up")

    async def _resume(self) -> None:
        """Finish what an earlier run began; then nothing asks for its posts and tokens any more."""
        posts = [*await self._memory.items(POSTED), *await self._memory.items(SENDING)]
        await self._handlers.resume(self)
        try:
            unfinished = {note + turn.id for turn in await self._store.open_turns() for note in (POSTED, SENDING)}
        except UserError as error:
            log.warning("what earlier runs posted stays remembered: %s", error)
            return
        for key, _ in posts:
            if key not in unfinished:
                await self._memory.put(key, None)
        await self._tokens.forget_old()

    async def _look_at(self, guilds: Sequence[discord.Guild]) -> None:
        """Say which servers have the bot without its commands."""
        for guild in guilds:
            problem = await scope_problem(self.client, guild)
            if problem is not None:
                self._without_commands[guild.id] = problem
                log.warning("%s", problem)
            else:
                self._without_commands.pop(guild.id, None)

    async def _joined(self, guild: discord.Guild) -> None:
        """Invited to a server: say what it withholds."""
        problem = server_problem(guild)
        if problem is not None:
            log.warning("%s", problem)
        self._tasks.spawn(self._look_at([guild]), f"discord scopes of {guild.id}")

    def _missed(self) -> CatchUp:
        return CatchUp(
            self.client,
            self._store,
            self._memory,
            partial(self.client.arrivals.take, late=True),
            self._config.catch_up_s,
        )

    async def _catch_up(self) -> None:
        self._catching_up += 1
        try:
            await self._missed().run()
        finally:
            self._catching_up -= 1

    async def _note_seen(self) -> None:
        """Keep the moment until which everything has arrived; the catch-up begins there."""
        while True:
            await asyncio.sleep(self._config.look_s)
            everything = await self._hearing.look(self.client)
            if everything and not self.client.is_ws_ratelimited() and not self._catching_up:
                await self._missed().seen()

    async def stop(self) -> None:
        """End every task, then leave. What was unfinished is taken up by the next start."""
        await self._tasks.close()
        await self._connection.stop()

    def health(self) -> Health:
        client = self.client
        lost = "The connection to Discord is lost; it is being opened again." if client.down else None
        problems = [
            lost,
            DEAF if self._hearing.deaf else None,
            self._connection.problem,
            client.sync_problem,
            None if client.intents.message_content else NO_INTENT,
        ]
        connected = client.is_ready() and not client.is_closed() and not client.down
        return Health(
            connected=connected,
            problems=(*filter(None, problems), *server_problems(client), *self._without_commands.values()),
            invite=invite_link(client.application_id) if client.application_id else "",
            servers=len(client.guilds),
        )
