"""What people are told besides answers: sentences for one person, what commands and buttons say, files."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.chats.slack import ids
from bot.chats.slack.clients import Clients
from bot.chats.slack.files import share
from bot.chats.slack.ids import COMMAND
from bot.chats.slack.outgoing import markup
from bot.chats.slack.outgoing.blocks import Block
from bot.chats.slack.trouble import FAILURES, RateLimitHandler
from handlers.english import Sentence
from handlers.model import Answer, CommandSpec, File, Person, ThreadKey

log = logging.getLogger(__name__)

LONGEST = 12_000
_CHANNEL = re.compile(r"&lt;#([CG][A-Z0-9]{2,20})&gt;")
_GROUP = re.compile(r"&lt;@&amp;([\w-]{1,40})&gt;")


class Answers:
    """Says things in the smallest circle that Slack offers, and only once."""

    def __init__(self, clients: Clients, commands: Sequence[CommandSpec]) -> None:
        self._clients = clients
        names = "|".join(re.escape(spec.name) for spec in commands)
        self._named = re.compile(rf"(?<![\w/.])/(?={names}\b)(?!{COMMAND[1:]} )")

    def words(self, sentence: str) -> str:
        """A sentence of the handlers as Slack text: their `/gallery` is `/easel gallery` here, and the ids of
        channels and groups that they name are shown as what they are."""
        text = markup.escape(self._named.sub(f"{COMMAND} ", sentence))
        text = _CHANNEL.sub(r"<#\1>", text)
        return markup.clip(_GROUP.sub(r"`\1`", text), LONGEST)  # a real mention of a group would call its people

    async def tell(self, thread: ThreadKey, person: Person, sentence: str, response_url: str = "") -> None:
        """To that person alone: where they gave the command, else in the thread, else in a direct message. An empty
        sentence is none."""
        if not sentence:
            return
        text = self.words(sentence)
        if response_url and await _respond(response_url, text):
            return
        client = await self._clients.of(thread.tenant)
        try:
            try:
                await client.chat_postEphemeral(
                    channel=thread.channel, user=person.id, text=text, thread_ts=ids.thread_ts(thread.thread)
                )
            except SlackClientError:  # they or the bot are not in the channel
                await client.chat_postMessage(channel=person.id, text=text)
        except FAILURES as error:
            log.warning("%s could not be told %r: %s", person.id, sentence, error)

    async def offer(self, thread: ThreadKey, person: Person, text: str, blocks: Sequence[Block]) -> None:
        """Something to press, to that person alone where they are; in words where Slack does not take it."""
        client = await self._clients.of(thread.tenant)
        without = [block for block in blocks if "slack_file" not in block]
        for shown in (blocks, without):  # a file may be gone, or not to be shown there
            try:
                await client.chat_postEphemeral(
                    channel=thread.channel, user=person.id, text=self.words(text), blocks=list(shown),
                    thread_ts=ids.thread_ts(thread.thread),
                )  # fmt: skip
                return
            except SlackClientError as error:
                log.info("%s could not be offered what to press: %s", person.id, error)
        await self.tell(thread, person, text)

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        """To everybody in a thread or channel.

        Raises:
            SlackClientError: Slack refuses.
        """
        client = await self._clients.of(thread.tenant)
        await client.chat_postMessage(
            channel=thread.channel, text=self.words(sentence), thread_ts=ids.thread_ts(thread.thread)
        )

    async def answer(self, thread: ThreadKey, person: Person, answer: Answer, response_url: str = "") -> None:
        """What a button or command answers. What concerns everybody is said in the thread, and to the asker too
        where they do not look at the thread."""
        text = answer.text
        if answer.files:
            text = await self._hand_over(thread, person, answer)
        if not text:
            return
        where = ids.thread_ts(thread.thread)
        if not answer.private:
            client = await self._clients.of(thread.tenant)
            await client.chat_postMessage(channel=thread.channel, text=self.words(text), thread_ts=where)
        if answer.private or (response_url and where is not None and not thread.channel.startswith("D")):
            await self.tell(thread, person, text, response_url)

    async def _hand_over(self, thread: ThreadKey, person: Person, answer: Answer) -> str:
        """Files of a private answer go where only the asker sees them. Returns what is left to say where they asked."""
        client = await self._clients.of(thread.tenant)
        uploads = [_upload(file) for file in answer.files]
        if thread.channel.startswith("D") or not answer.private:
            await share(client, thread.channel, uploads, ids.thread_ts(thread.thread))
            return answer.text
        # Posting to a person's id opens the conversation and names it; no further permission is needed for that.
        opened = await client.chat_postMessage(channel=person.id, text=self.words(answer.text) or "Here you are.")
        await share(client, str(opened["channel"]), uploads, None)
        return Sentence.BESIDE


def _upload(file: File) -> dict[str, object]:
    return {"file": file.data, "filename": file.name, "title": file.name, "alt_txt": file.alt[:990]}


async def _respond(url: str, text: str) -> bool:
    """By the address that came with a command: it works where the bot is no member. False when it is too old."""
    try:
        answered = await AsyncWebhookClient(url, retry_handlers=[RateLimitHandler()]).send(
            text=text, response_type="ephemeral", replace_original=False
        )
    except FAILURES as error:
        log.info("a response_url could not be used: %s", error)
        return False
    return answered.status_code == 200
