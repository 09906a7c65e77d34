"""What Bolt hears, handed on at once: written down before Slack is answered, done after.

A form must be opened, and its errors said, in the answer itself; everything else is an `Entry` of the inbox.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.chats.slack import ids, manifest
from bot.chats.slack.chat import SlackChat
from bot.chats.slack.ids import COMMAND
from bot.chats.slack.incoming import home_view, inbound, modals
from bot.chats.slack.incoming.inbox import Entry, Kind
from bot.chats.slack.incoming.presses import trimmed
from bot.chats.slack.outgoing import hung
from handlers.model import Action, Person

SHORTCUTS = re.compile(r"^easel\.shortcut\.")
HOME = re.compile(rf"^{re.escape(home_view.PREFIX)}")
GALLERY = re.compile(rf"^{re.escape(hung.PREFIX)}")
BUTTONS = re.compile(r"^easel\.(?!home\.|gallery\.)")
Json = dict[str, Any]
Next = Callable[[], Awaitable[Any]]


class Listeners:
    """Each delegates at once. Bolt hands over what a listener's parameters are called.

    Args:
        left: Told of workspaces that removed the app.
    """

    def __init__(self, chat: SlackChat, left: Callable[[str], Awaitable[None]]) -> None:
        self._chat = chat
        self._left = left

    def register(self, app: AsyncApp) -> None:
        """Every listener in one place."""
        app.use(self.write_down)
        for name in ("message", "app_mention", "assistant_thread_context_changed"):
            app.event(name)(_nothing)
        app.event("reaction_added")(self.reacted)
        app.event("reaction_removed")(self.reacted)
        app.event("app_home_opened")(self.opened)
        app.event("assistant_thread_started")(self.assistant_opened)
        app.event("agent_session_stopped")(self.stopped)
        app.event("app_uninstalled")(self.removed)
        app.event("tokens_revoked")(self.revoked)
        app.action(BUTTONS)(self.click)
        app.action(HOME)(self.home)
        app.action(GALLERY)(self.turned)
        app.command(COMMAND)(self.command)
        app.shortcut(SHORTCUTS)(self.shortcut)
        app.view(ids.EDIT_VIEW)(self.filled)
        app.view(ids.NEW_VIEW)(self.filled)
        app.view(ids.SETTINGS_VIEW)(self.saved)
        app.view(ids.ROUND_VIEW)(self.round_changed)

    async def write_down(self, body: Json, context: Any, next: Next) -> None:
        # A middleware runs before Bolt acknowledges: what is acknowledged is on disk.
        event = body.get("event") or {}
        if body.get("type") == "event_callback" and event.get("type") in ("message", "app_mention"):
            await self._chat.hear(event, str(context.team_id), str(context.bot_user_id))
        await next()

    async def _do(self, entry: Entry, ack: Any, context: Any) -> None:
        """Written down, acknowledged, then done. A disk that cannot be written leaves it unacknowledged."""
        new = await self._chat.write_down(entry)
        await ack()
        if new:
            self._chat.begin(entry, str(context.bot_user_id))

    async def click(self, ack: Any, body: Json, context: Any, client: Any) -> None:
        team = str(context.team_id)
        press = inbound.read_action(body, team, _clicker(body))
        if press is None:
            await ack()
        elif press.action is Action.EDIT:
            await ack()
            await self._chat.presses.open_edit(press, inbound.text_at(body, "trigger_id"), client)
        elif press.action is Action.SETTINGS:
            await ack()
            await self._chat.presses.open_round(press, inbound.text_at(body, "trigger_id"), client)
        else:
            await self._do(Entry(press.event, Kind.CLICK, team, trimmed(body, str(context.bot_user_id))), ack, context)

    async def command(self, ack: Any, body: Json, context: Any) -> None:
        team = str(context.team_id)
        await self._do(Entry(f"command/{team}/{body.get('trigger_id')}", Kind.COMMAND, team, dict(body)), ack, context)

    async def shortcut(self, ack: Any, body: Json, context: Any, client: Any) -> None:
        team, trigger = str(context.team_id), inbound.text_at(body, "trigger_id")
        match body.get("callback_id"):
            case manifest.REFERENCE:
                kept = trimmed(body, str(context.bot_user_id))
                await self._do(Entry(f"reference/{team}/{trigger}", Kind.REFERENCE, team, kept), ack, context)
            case manifest.EDIT:
                await ack()
                await self._chat.presses.edit_message(body, team, str(context.bot_user_id), client)
            case _:
                await ack()
                await self._chat.presses.new_picture(trigger, _clicker(body).id, team, client)

    async def filled(self, ack: Any, body: Json, context: Any) -> None:
        errors = modals.read_form(body, self._chat.config).errors
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await self._do(_form(body, context, Kind.FORM), ack, context)

    async def saved(self, ack: Any, body: Json, context: Any) -> None:
        errors = self._chat.home.errors(body)
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await self._do(_form(body, context, Kind.SETTINGS), ack, context)

    async def round_changed(self, ack: Any, body: Json, context: Any) -> None:
        errors = self._chat.presses.round_errors(body)
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await self._do(_form(body, context, Kind.ROUND), ack, context)

    async def home(self, ack: Any, action: Json, body: Json, context: Any, client: Any) -> None:
        team, trigger = str(context.team_id), inbound.text_at(body, "trigger_id")
        button = home_view.read_button(str(action.get("action_id")))
        if button is home_view.Button.FORGET:
            kept = trimmed(body, str(context.bot_user_id))
            await self._do(Entry(f"forget/{team}/{trigger}", Kind.FORGET, team, kept), ack, context)
            return
        await ack()
        if button is not None:
            user = _clicker(body).id
            await self._chat.home.press(button, str(action.get("value")), trigger, team, user, client)

    async def turned(self, ack: Any, body: Json, context: Any) -> None:
        await ack()
        self._chat.turn_gallery(body, str(context.team_id))

    async def opened(self, event: Json, context: Any, client: Any) -> None:
        channel = str(event.get("channel"))
        if event.get("tab") == "home":
            await self._chat.home.show(str(event.get("user")), channel, str(context.team_id))
        elif event.get("tab") == "messages":
            await self._chat.greet(channel, None, client)

    async def assistant_opened(self, event: Json, client: Any) -> None:
        found = event.get("assistant_thread") or {}
        await self._chat.greet(str(found.get("channel_id")), str(found.get("thread_ts")), client)

    async def reacted(self, event: Json, context: Any) -> None:
        await self._chat.arrivals.reacted(event, str(context.team_id), str(context.bot_user_id))

    async def stopped(self, event: Json, context: Any) -> None:
        await self._chat.presses.stopped(event, str(context.team_id))

    async def removed(self, context: Any) -> None:
        await self._left(str(context.team_id))

    async def revoked(self, event: Json, context: Any) -> None:
        if (event.get("tokens") or {}).get("bot"):
            await self._left(str(context.team_id))


async def _nothing(**_: Any) -> None:
    """What was written down is all that is done."""


def _form(body: Json, context: Any, kind: Kind) -> Entry:
    name = f"form/{context.team_id}/{inbound.text_at(body, 'view', 'id')}/{inbound.text_at(body, 'view', 'hash')}"
    return Entry(name, kind, str(context.team_id), trimmed(body, str(context.bot_user_id)))


def _clicker(body: Mapping[str, Any]) -> Person:
    """Who clicked, by id only: nothing is asked before the acknowledgement."""
    user = inbound.text_at(body, "user", "id")
    return Person(user, user)
