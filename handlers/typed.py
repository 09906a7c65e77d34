"""Commands that come as messages: the page and the terminal have no others, and people write them everywhere.

Nothing that begins with a slash is told to the language model unless it plainly is no command
(`handlers.command_text.named`): a known command runs, any other is refused like a message that cannot be taken.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from hashlib import sha256

from handlers.brainstorm.wish import VOTE
from handlers.command_text import BadCommand, as_message, find, named, read_arguments
from handlers.commands import COMMANDS
from handlers.conversation import Conversation
from handlers.errors import QuotaUsedUp, UserError
from handlers.intake import asks_to_stop
from handlers.model import Answer, CommandCall, CommandSpec, Incoming
from handlers.notices import Notices
from handlers.ports import Chat, ChatUnavailable, Claim
from handlers.quota_rules import Amounts
from handlers.runs import Runs
from handlers.services import Services
from handlers.writing import BROKE

log = logging.getLogger(__name__)

LEFT_OUT = "What you attached was left out: this command takes no pictures."
MESSAGE = Amounts(messages=1)
NOTHING = "Nothing is under way in this thread."


def said(text: str) -> str | None:
    """The words of a message that are a turn of the conversation; None when it is a command that is none."""
    command = named(text)
    if command is None:
        return text
    name, rest = command
    spec = next((spec for spec in COMMANDS if spec.name == name and spec.opens_thread), None)
    if spec is None or not rest:
        return None
    try:
        arguments = read_arguments(spec, rest) if len(spec.options) > 1 else {spec.options[0].name: rest}
    except BadCommand:
        return None
    words = str(arguments.get(spec.options[0].name, ""))
    return words if words and named(words) is None else None


class Typed:
    """Receives messages; those that are commands it has carried out.

    Args:
        give: Carries out a command, which is counted here; refusals are answers.
    """

    def __init__(
        self,
        services: Services,
        conversation: Conversation,
        runs: Runs,
        notices: Notices,
        chats: Mapping[str, Chat],
        give: Callable[[CommandCall], Awaitable[Answer]],
    ) -> None:
        self._services = services
        self._conversation = conversation
        self._runs = runs
        self._notices = notices
        self._chats = chats
        self._give = give
        self._busy: set[str] = set()
        """Events of commands that are being carried out."""

    async def receive(self, incoming: Incoming) -> None:
        command = named(incoming.text)
        if command is None or self._stops(incoming):
            await self._conversation.receive(incoming)
            return
        try:
            if asks_to_stop(incoming.text):
                raise BadCommand(NOTHING)
            spec = find(command[0], COMMANDS)
            arguments = read_arguments(spec, command[1])
            words = as_message(spec, arguments)
            if words is not None and named(str(arguments[spec.options[0].name])) is not None:
                raise BadCommand("Please give one command at a time.")
        except BadCommand as error:
            await self._conversation.receive(incoming, error)
            return
        if words is not None:
            title = str(arguments[spec.options[0].name])[:80]
            await self._conversation.receive(replace(incoming, text=words, title=title))
        else:
            await self._command(incoming, spec, arguments)

    def _stops(self, incoming: Incoming) -> bool:
        return asks_to_stop(incoming.text) and bool(self._runs.of_thread(incoming.thread))

    async def _command(self, incoming: Incoming, spec: CommandSpec, arguments: dict[str, str | int]) -> None:
        if incoming.event in self._busy:
            return
        self._busy.add(incoming.event)
        try:
            await self._once(incoming, spec, arguments)
        except QuotaUsedUp as error:
            await self._conversation.receive(incoming, error)
        except ChatUnavailable as error:
            log.warning("the answer to /%s could not be given: %s", spec.name, error)
        except UserError as error:
            await self._notices.refuse(incoming, error)
        except Exception:
            log.exception("the command /%s could not be answered", spec.name)
            await self._notices.tell(incoming.thread, incoming.person, BROKE)
        finally:
            self._busy.discard(incoming.event)

    async def _once(self, incoming: Incoming, spec: CommandSpec, arguments: dict[str, str | int]) -> None:
        """Like a message, a command that is delivered again was carried out before."""
        store = self._services.store
        votes = spec is VOTE  # as by its button: it costs nothing, and nothing is kept that tells who voted when
        event = sha256(incoming.event.encode("utf-8", "replace")).hexdigest() if votes else incoming.event
        if await store.claim(event) is Claim.FINISHED:
            return
        if not (spec.ends_work or votes):
            await self._services.quota.spend(incoming.thread, incoming.person, MESSAGE)
        call = CommandCall(
            incoming.event, incoming.thread, incoming.person, spec.name, arguments,
            in_thread=incoming.in_thread, max_file_bytes=incoming.max_file_bytes,
            files=incoming.attachments if spec.takes_files else (),
        )  # fmt: skip
        answer = await self._give(call)
        if incoming.attachments and not spec.takes_files:
            answer = replace(answer, text=" ".join(filter(None, (answer.text, LEFT_OUT))))
        await self._chats[incoming.thread.chat].answer(call, answer)
        await store.finish(event)
