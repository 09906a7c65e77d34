"""The Chat port on Slack: events become `Incoming`, clicks `Press`, replies `SlackPost`. No logic else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import home, inbound, manifest, modals, mrkdwn
from bot.chats.slack.clients import Clients
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.files import Refused, download
from bot.chats.slack.inbound import Message
from bot.chats.slack.inbox import Inbox
from bot.chats.slack.people import People
from bot.chats.slack.ports import KeyValue
from bot.chats.slack.posting import Place, SlackPost
from bot.chats.slack.recall import Recall
from handlers.model import Action, Answer, Attachment, CommandSpec, Incoming, Person, Press, ThreadKey, Whereabouts
from handlers.ports import Handlers, Store

log = logging.getLogger(__name__)

LAST = "slack/last/"
"""Key prefix: the latest thread of a channel, which a slash command (it has no thread) means."""


class SlackChat:
    """Slack as Easel sees it. `listen.py` connects it to Bolt; every method here is called by that."""

    name = "slack"

    def __init__(
        self, config: SlackConfig, handlers: Handlers, store: Store, memory: KeyValue,
        commands: Sequence[CommandSpec], database: Path,
    ) -> None:  # fmt: skip
        self.config = config
        self.clients = Clients(config, database)
        self._handlers = handlers
        self._store = store
        self._memory = memory
        self._commands = commands
        self._inbox = Inbox(memory)
        self._people = People()
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: set[str] = set()

    # What the handlers call

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> SlackPost:
        user = to.person.id if to is not None else None
        place = Place(thread.tenant, thread.channel, thread.thread, user)
        return SlackPost(
            self.clients, place, turn, self._store.picture_bytes, recall=Recall(self._memory, turn),
            reference=reference, look_first=to is None or to.event in self._again,
            edit_seconds=self.config.edit_seconds,
        )  # fmt: skip

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        """To that person alone; where Slack refuses (they are not in the channel) in a direct message."""
        client = await self.clients.of(thread.tenant)
        text = mrkdwn.escape(sentence)
        try:
            await client.chat_postEphemeral(channel=thread.channel, user=person.id, text=text, thread_ts=_where(thread))
        except SlackClientError:
            await client.chat_postMessage(channel=person.id, text=text)

    # Tasks: owned, logged, ended

    def own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("slack task %s failed", task.get_name(), exc_info=task.exception())

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Messages

    async def hear(self, event: Mapping[str, Any], team: str, bot_user: str) -> None:
        """An event, before Slack is answered: written down, then worked on in a task of its own."""
        message = inbound.read_message(event, team, bot_user)
        if message is None or not self._open_here(message.channel) or not await self._for_us(message):
            return
        await self._inbox.write(message.event, team, dict(event))
        self.own(self._take(message), f"slack-message-{message.ts}")

    async def _for_us(self, message: Message) -> bool:
        if message.direct or message.mentioned:
            return True
        return message.thread_ts is not None and bool(await self._store.turns(message.key, limit=1))

    def _open_here(self, channel: str) -> bool:
        allowed = self.config.channels_allowed
        return channel not in self.config.channels_denied and (not allowed or channel in allowed)

    async def _take(self, message: Message) -> None:
        client = await self.clients.of(message.team)
        person = await self._people.of(client, message.team, message.user)
        refused = await self._handlers.refusal(Whereabouts(message.key, direct=message.direct), person)
        if refused is not None:
            await self.tell(message.key, person, refused)
            await self._inbox.cross_out(message.event)
            return
        attachments = await self._attachments(message, person)
        await self._memory.put(f"{LAST}{message.team}/{message.channel}", message.root)
        await self._name(message, client)
        if message.text or attachments or not message.files:
            await self._handlers.receive(inbound.incoming(message, person, attachments))
        await self._inbox.cross_out(message.event)
        self._again.discard(message.event)

    async def _name(self, message: Message, client: AsyncWebClient) -> None:
        """A conversation in the agent view is called by its first words; elsewhere Slack has no titles."""
        if not (message.direct and message.thread_ts and message.text):
            return
        if await self._store.turns(message.key, limit=1):
            return
        title = message.text.splitlines()[0][:80]
        with contextlib.suppress(SlackClientError, OSError, TimeoutError):
            await client.assistant_threads_setTitle(
                channel_id=message.channel, thread_ts=message.thread_ts, title=title
            )

    async def _attachments(self, message: Message, person: Person) -> tuple[Attachment, ...]:
        found = []
        for file in message.files:
            try:
                token = await self.clients.token(message.team)
                found.append(await download(dict(file), token, self.config.file_hosts, self.config.max_upload_bytes))
            except Refused as refused:
                await self.tell(message.key, person, str(refused))
        return tuple(found)

    async def take_up(self, bot_users: Mapping[str, str]) -> None:
        """Events that were acknowledged but not answered before the last process ended."""
        for name, team, event in await self._inbox.open():
            message = inbound.read_message(event, team, bot_users.get(team, ""))
            if message is None:
                await self._inbox.cross_out(name)
            else:
                self._again.add(name)
                self.own(self._take(message), f"slack-again-{message.ts}")
        self.own(self._handlers.resume(self), "slack-resume")

    # Clicks

    async def click(self, body: Mapping[str, Any], team: str, client: AsyncWebClient) -> None:
        """A button or menu, already acknowledged."""
        user = str((body.get("user") or {}).get("id") or "")
        person = await self._people.of(client, team, user)
        press = inbound.read_action(body, team, person)
        if press is None:
            return
        if inbound.is_edit(press):
            await self._ask_for_edit(press, str(body.get("trigger_id") or ""), client)
        else:
            await self._answer(press.thread, person, self._handlers.press(press), client)

    async def _ask_for_edit(self, press: Press, trigger: str, client: AsyncWebClient) -> None:
        picture = await self._store.picture(press.thread, press.picture or 0)
        if picture is None:
            await self.tell(press.thread, press.person, f"Picture #{press.picture} is not in this thread any more.")
            return
        await client.views_open(trigger_id=trigger, view=modals.edit_view(press, picture.description))

    async def edited(self, body: Mapping[str, Any], team: str, client: AsyncWebClient) -> None:
        """The edit modal came back valid."""
        view = body.get("view") or {}
        found = modals.read_private(str(view.get("private_metadata") or ""))
        if found is None:
            return
        thread, number = found
        description, change, _ = inbound.read_edit_view(body)
        person = await self._people.of(client, team, str((body.get("user") or {}).get("id") or ""))
        press = Press(
            f"slack/view/{view.get('id')}", thread, person, Action.EDIT, number, text=description, change=change
        )
        await self._answer(thread, person, self._handlers.press(press), client)

    async def wished(self, body: Mapping[str, Any], team: str, client: AsyncWebClient) -> None:
        """The modal of the global shortcut came back valid: a session in direct messages."""
        person = await self._people.of(client, team, str((body.get("user") or {}).get("id") or ""))
        opened = await client.conversations_open(users=person.id)
        text = inbound.read_edit_view(body)[0]
        await self._open_thread({"channel_id": opened["channel"]["id"]}, team, client, person, text)

    async def shortcut(self, body: Mapping[str, Any], team: str, client: AsyncWebClient) -> None:
        """ "Edit this picture" and "Use as reference" on a message."""
        user = str((body.get("user") or {}).get("id") or "")
        if body.get("callback_id") == "easel.shortcut.new":
            await client.views_open(trigger_id=str(body.get("trigger_id") or ""), view=modals.new_view())
            return
        person = await self._people.of(client, team, user)
        message = body.get("message") or {}
        channel = str((body.get("channel") or {}).get("id") or "")
        root = str(message.get("thread_ts") or message.get("ts") or "")
        thread = ThreadKey("slack", team, channel, root)
        if body.get("callback_id") == "easel.shortcut.reference":
            await self._reference(message, thread, person)
            return
        number = next((int(b["block_id"].split(".")[1]) for b in message.get("blocks") or [] if _is_card(b)), None)
        if number is None:
            await self.tell(thread, person, "That message has no picture of mine; use the shortcut on one that has.")
            return
        press = Press(f"slack/shortcut/{body.get('trigger_id')}", thread, person, Action.EDIT, number)
        await self._ask_for_edit(press, str(body.get("trigger_id") or ""), client)

    async def _reference(self, message: Mapping[str, Any], thread: ThreadKey, person: Person) -> None:
        files = tuple(f for f in message.get("files") or [] if isinstance(f, Mapping))
        ts = str(message.get("ts") or "")
        asked = Message(thread.tenant, thread.channel, person.id, ts, thread.thread, "", files, True, False)
        attachments = await self._attachments(asked, person)
        if attachments:
            event = f"slack/{thread.tenant}/{thread.channel}/reference/{ts}"
            await self._handlers.receive(Incoming(event, thread, person, "", attachments))
        elif not files:
            await self.tell(thread, person, "That message has no file; use the shortcut on one with a picture.")

    # Commands

    async def command(self, body: Mapping[str, Any], team: str, client: AsyncWebClient) -> None:
        """`/easel …`, already acknowledged."""
        channel, user = str(body.get("channel_id") or ""), str(body.get("user_id") or "")
        person = await self._people.of(client, team, user)
        nowhere = ThreadKey("slack", team, channel, "-")
        try:
            spec, arguments = inbound.read_command(str(body.get("text") or ""), self._commands)
        except inbound.BadCommand as error:
            await self.tell(nowhere, person, str(error))
            return
        if not self._open_here(channel):
            await self.tell(nowhere, person, "I am not allowed in this channel; ask an admin, or write to me directly.")
        elif not spec.admin_only and (refused := await self._refusal(nowhere, person)):
            await self.tell(nowhere, person, refused)
        elif spec.opens_thread:
            await self._open_thread(body, team, client, person, " ".join(str(v) for v in arguments.values()))
        else:
            last = await self._memory.get(f"{LAST}{team}/{channel}")
            call = inbound.command_call({**body, "thread_ts": last or "-"}, spec, arguments, team, person)
            await self._answer(call.thread, person, self._handlers.command(call), client)

    async def _refusal(self, thread: ThreadKey, person: Person) -> str | None:
        where = Whereabouts(thread, direct=thread.channel.startswith("D"))
        return await self._handlers.refusal(where, person)

    async def _open_thread(
        self, body: Mapping[str, Any], team: str, client: AsyncWebClient, person: Person, text: str
    ) -> None:
        """`/easel imagine …` posts the wish for all to see; the answer is its thread."""
        channel = str(body.get("channel_id") or "")
        try:
            posted = await client.chat_postMessage(
                channel=channel, text=f"<@{person.id}>: {mrkdwn.escape(text)}"[:3_000]
            )
        except SlackClientError:
            sentence = "I cannot post in this channel; invite me with /invite, or write to me directly."
            await self.tell(ThreadKey("slack", team, person.id, "-"), person, sentence)
            return
        ts = str(posted["ts"])
        await self._memory.put(f"{LAST}{team}/{channel}", ts)
        thread = ThreadKey("slack", team, channel, ts)
        await self._handlers.receive(Incoming(f"slack/{team}/{channel}/{ts}", thread, person, text, title=text[:80]))

    async def _answer(
        self, thread: ThreadKey, person: Person, asked: Awaitable[Answer], client: AsyncWebClient
    ) -> None:
        """What a button or command answers: to the asker alone, files in a direct message."""
        answer = await asked
        if answer.text:
            if answer.private:
                await self.tell(thread, person, answer.text)
            else:
                text = mrkdwn.from_markdown(answer.text)[: mrkdwn.SECTION_LIMIT]
                await client.chat_postMessage(channel=thread.channel, text=text, thread_ts=_where(thread))
        if answer.files:
            opened = await client.conversations_open(users=person.id)
            uploads = [
                {"file": f.data, "filename": f.name, "title": f.name, "alt_txt": f.alt[:990]} for f in answer.files
            ]
            await client.files_upload_v2(channel=opened["channel"]["id"], file_uploads=uploads)

    # Agent view, home page

    async def greet(self, channel: str, thread_ts: str, client: AsyncWebClient) -> None:
        """The agent view was opened: suggest how to begin."""
        prompts: list[dict[str, str]] = [{"title": title, "message": message} for title, message in manifest.PROMPTS]
        await client.assistant_threads_setSuggestedPrompts(channel_id=channel, thread_ts=thread_ts, prompts=prompts)

    async def show_home(self, user: str, team: str, client: AsyncWebClient) -> None:
        person = await self._people.of(client, team, user)
        summary = await self._store.threads("slack", team, limit=10)
        call = inbound.command_call({"channel_id": user, "trigger_id": f"home-{user}"}, _row("usage"), {}, team, person)
        usage = await self._handlers.command(call)
        await client.views_publish(user_id=user, view=home.view(summary, usage.text, self._commands))

    async def stopped(self, event: Mapping[str, Any], team: str, client: AsyncWebClient) -> None:
        """Slack's own Stop button."""
        channel = str(event.get("channel_id") or event.get("channel") or "")
        ts = str(event.get("thread_ts") or "")
        user = str(event.get("user") or event.get("user_id") or "")
        person = await self._people.of(client, team, user)
        key = ThreadKey("slack", team, channel, ts)
        await self._handlers.press(
            Press(f"slack/stop/{channel}/{ts}/{event.get('event_ts')}", key, person, Action.STOP)
        )


def _is_card(block: Any) -> bool:
    mark = block.get("block_id") if isinstance(block, Mapping) else None
    return isinstance(mark, str) and mark.startswith("picture.") and mark.split(".")[1].isdigit()


def _where(thread: ThreadKey) -> str | None:
    return None if thread.thread == "-" else thread.thread


def _row(name: str) -> CommandSpec:
    return CommandSpec(name, "")
