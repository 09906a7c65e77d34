"""The Chat port on Slack, and the tasks in which its work is done. `gateway/service.py` connects it to Bolt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, assert_never

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids, manifest
from bot.chats.slack.clients import Clients
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.incoming import inbound
from bot.chats.slack.incoming.arrivals import Arrivals
from bot.chats.slack.incoming.calls import Calls
from bot.chats.slack.incoming.galleries import Galleries
from bot.chats.slack.incoming.home import HomePage
from bot.chats.slack.incoming.inbox import Entry, Inbox, Kind
from bot.chats.slack.incoming.members import Members
from bot.chats.slack.incoming.places import Places
from bot.chats.slack.incoming.presses import Presses
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.outgoing.post import SlackPost
from bot.chats.slack.outgoing.recall import Recall
from bot.chats.slack.outgoing.sheets import Sheets
from bot.chats.slack.outgoing.stream import Destination
from bot.chats.slack.people import People
from bot.chats.slack.ports import KeyValue
from bot.chats.slack.trouble import FAILURES
from handlers.access import Access, Membership
from handlers.english import gone_sentence
from handlers.marking import Unmarked
from handlers.model import (
    Answer,
    CommandCall,
    CommandSpec,
    Incoming,
    NoticePart,
    Person,
    PicturePart,
    Reply,
    ReplyPart,
    SlotState,
    ThreadKey,
    Turn,
)
from handlers.ports import ChatUnavailable, Handlers, Marking, Store
from handlers.presentation import Why, apart
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

DEADLY = "I was stopped again and again while I did this, so I leave it; please try it another way."
BotUser = Callable[[str], Awaitable[str]]
"""The bot's own user id in a workspace."""


class SlackChat:
    """Slack as the handlers see it, and everything that Slack brings."""

    name = "slack"

    def __init__(
        self, config: SlackConfig, handlers: Handlers, store: Store, memory: KeyValue,
        commands: Sequence[CommandSpec], database: Path, marking: Marking | None = None,
    ) -> None:  # fmt: skip
        self.config = config
        self.clients = Clients(config, database)
        self._handlers = handlers
        self._store = store
        self._marking = marking or Unmarked(store)
        self._sheets = Sheets(store, self._marking)
        self._memory = memory
        self._inbox = Inbox(memory)
        self._people = People()
        self._members = Members(self.clients, self._people)
        self._tasks = Tasks()
        self._again: set[str] = set()
        self._posts: set[SlackPost] = set()
        self.answers = Answers(self.clients, commands)
        places = Places(memory)
        self.arrivals = Arrivals(config, self.clients, handlers, store, self._inbox, self._people, places, self.answers)
        self.galleries = Galleries(
            self.clients, handlers, self._people, places, self.answers, self._sheets.draw_gallery,
            config.poll_seconds,
        )  # fmt: skip
        self.calls = Calls(self.clients, handlers, self._people, places, memory, self.answers, commands, self.galleries)
        self.presses = Presses(
            config,
            self.clients,
            handlers,
            store,
            self._people,
            self.arrivals,
            self.calls,
            self.answers,
            memory,
        )
        self.home = HomePage(self.clients, handlers, store, self._people, self.answers, self.presses, commands)

    # What the handlers call

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> SlackPost:
        place = Destination(thread.tenant, thread.channel, ids.thread_ts(thread.thread))
        if to is not None:
            home = self._people.home(thread.tenant, to.person.id)
            place = replace(place, user=to.person.id, home=home, title=to.title)
        post = SlackPost(
            self.clients, place, turn, partial(self._marking.copy, posted=True), self._sheets.draw,
            recall=Recall(self._memory, turn),
            reference=reference, look_first=to is None or to.event in self._again,
            edit_seconds=self.config.edit_seconds, poll_seconds=self.config.poll_seconds,
            ended=self._posts.discard,
        )  # fmt: skip
        self._posts.add(post)
        return post

    async def memberships(self, thread: ThreadKey, person: Person, access: Access) -> Sequence[Membership]:
        """See `handlers.access.KnowsMembers`."""
        return await self._members.of(thread.tenant, person, access)

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> Sequence[ThreadKey]:
        """See `handlers.gallery.KnowsSight`: what is in channels that they are in."""
        channels = await self._members.channels(here.tenant, asker)
        return [key for key in threads if key.channel in channels]

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        await self.answers.tell(thread, person, sentence)

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        try:
            await self.answers.announce(thread, sentence)
        except SlackClientError as error:
            raise ChatUnavailable(f"Slack does not take it: {error}") from error

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        """Files of pictures that are gone are taken out of Slack; those of pictures that are back come again."""
        if turn.post is None:
            return
        parts = tuple(_without(part, gone, apart(turn.parts)) for part in turn.parts)
        reply = Reply(turn.id, turn.thread, parts, thinking=False, final=True)
        slots = {part.slot for part in turn.parts if isinstance(part, PicturePart) and part.number in gone}
        await self.open_reply(turn.id, turn.thread, None, turn.post).redraw(reply, slots)

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        try:
            await self.answers.answer(call.thread, call.person, answer)
        except SlackClientError as error:
            raise ChatUnavailable(f"Slack does not take it: {error}") from error

    async def close(self) -> None:
        await self._tasks.close()
        await asyncio.gather(*(post.abandon() for post in tuple(self._posts)))
        self._posts.clear()

    # What Slack brings: written down before it is acknowledged, done in a task of its own

    async def hear(self, event: Mapping[str, Any], team: str, bot_user: str) -> None:
        """A message, before Slack is answered."""
        entry = await self.arrivals.hear(event, team, bot_user)
        if entry is not None:
            self.begin(entry, bot_user)

    async def write_down(self, entry: Entry) -> bool:
        """A command, click or form, before Slack is answered. False: it is known already."""
        return await self._inbox.take(entry)

    def begin(self, entry: Entry, bot_user: str) -> None:
        """Do what was written down."""
        self._tasks.spawn(self._do(entry, bot_user), f"slack-{entry.kind}-{entry.name}")

    def turn_gallery(self, body: Mapping[str, Any], team: str) -> None:
        """Another page of the gallery. It is not written down: who still wants it after a restart presses again."""
        self._tasks.spawn(self.galleries.turn(body, team), f"slack-gallery-{inbound.text_at(body, 'trigger_id')}")

    async def _do(self, entry: Entry, bot_user: str) -> None:
        try:
            await self._carry_out(entry, bot_user)
        except ChatUnavailable as error:
            log.warning("%s is dropped: %s", entry.name, error)  # the workspace is gone; nobody waits any more
        except SlackClientError as error:
            log.warning("%s could not be answered: %s", entry.name, error)
        except BaseException:
            self._inbox.let_go(entry.name)
            raise
        await self._inbox.cross_out(entry.name)
        self._again.discard(entry.name)

    async def _carry_out(self, entry: Entry, bot_user: str) -> None:
        match entry.kind:
            case Kind.MESSAGE:
                await self.arrivals.take(entry, bot_user)
            case Kind.COMMAND:
                await self.calls.call(entry)
            case Kind.CLICK:
                await self.presses.click(entry)
            case Kind.FORM:
                await self.presses.filled(entry)
            case Kind.SETTINGS:
                await self.home.save(entry)
            case Kind.ROUND:
                await self.presses.change_round(entry)
            case Kind.FORGET:
                await self.home.forget(entry)
            case Kind.REFERENCE:
                await self.presses.use_message(entry)
            case _:
                assert_never(entry.kind)

    async def take_up(self, bot_user: BotUser) -> None:
        """What was acknowledged but not done before the last process ended."""
        for entry in await self._inbox.open():
            try:
                user = await bot_user(entry.team)
            except ChatUnavailable as error:
                log.warning("%s is dropped: %s", entry.name, error)
                await self._inbox.cross_out(entry.name)
                continue
            if entry.deadly:
                await self._give_up(entry)
            elif self._inbox.begin(entry.name):
                self._again.add(entry.name)
                self.begin(entry, user)
        self._tasks.spawn(self._handlers.resume(self), "slack-resume")

    async def _give_up(self, entry: Entry) -> None:
        log.error("the program ended %d times at %s; it is given up", entry.starts, entry.name)
        await self._inbox.cross_out(entry.name)
        where = inbound.read_asker(entry.body, entry.team)
        if where is not None:
            thread, user = where
            self._tasks.spawn(self.answers.tell(thread, Person(user, user), DEADLY), f"slack-tell-{entry.name}")

    # Agent view

    async def greet(self, channel: str, thread_ts: str | None, client: AsyncWebClient) -> None:
        """Somebody opened the agent view: suggest how to begin."""
        prompts: list[dict[str, str]] = [{"title": title, "message": message} for title, message in manifest.PROMPTS]
        try:
            await client.assistant_threads_setSuggestedPrompts(
                channel_id=channel, thread_ts=thread_ts, prompts=prompts, title=manifest.PROMPTS_TITLE
            )
        except FAILURES as error:
            log.info("no suggested prompts here: %s", error)


def _without(part: ReplyPart, gone: Mapping[int, Why], own: Collection[ReplyPart]) -> ReplyPart:
    """A sentence instead of a picture that is gone. A draft of a round has its line there: it is not among the parts of
    the answer's `own`."""
    if not isinstance(part, PicturePart) or part.number not in gone:
        return part
    sentence = gone_sentence(part.number, gone[part.number])
    if part in own:
        return NoticePart(sentence)
    return replace(part, state=SlotState.FAILED, sha256=None, sentence=sentence)
