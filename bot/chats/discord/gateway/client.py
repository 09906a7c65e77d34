"""discord.py's callbacks: each translates and delegates. No decision is made here."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
from discord import app_commands

from bot.chats.discord.config import DiscordConfig, KeyValue
from bot.chats.discord.gateway.events import made_safe
from bot.chats.discord.incoming.arrivals import Arrivals
from bot.chats.discord.incoming.buttons import ActionButton, ActionMenu, PageButton
from bot.chats.discord.incoming.calls import Calls
from bot.chats.discord.incoming.commands import message_menu, slash_command, sync_when_changed
from bot.chats.discord.incoming.menus import Menus
from bot.chats.discord.incoming.modals import read_form
from bot.chats.discord.incoming.presses import Presses
from bot.chats.discord.incoming.reactions import Reactions
from bot.chats.discord.incoming.round_forms import RoundForms
from bot.chats.discord.people import Interaction
from bot.chats.discord.trouble import FAILURES
from handlers.model import CommandSpec
from imaging.tasks import Tasks

log = logging.getLogger(__name__)


def intents(*, message_content: bool) -> discord.Intents:
    """No more than the bot needs: servers, messages, reactions (votes) and (privileged) the messages' words."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.dm_messages = True
    wanted.guild_reactions = True
    wanted.dm_reactions = True
    wanted.message_content = message_content
    return wanted


class Tree(app_commands.CommandTree[Any]):
    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        log.error("interaction %d failed", interaction.id, exc_info=error)
        if not interaction.response.is_done():
            await interaction.response.send_message("That did not work; please try again.", ephemeral=True)


class EaselClient(discord.AutoShardedClient):
    """`wire` is called once with the parts that do the work; until then nothing is connected."""

    arrivals: Arrivals
    calls: Calls
    presses: Presses
    round_forms: RoundForms
    reactions: Reactions

    def __init__(self, config: DiscordConfig, tasks: Tasks, memory: KeyValue, *, message_content: bool) -> None:
        super().__init__(
            intents=intents(message_content=message_content),
            shard_count=config.shard_count,
            heartbeat_timeout=config.heartbeat_timeout_s,
            guild_ready_timeout=config.arriving_s,
            max_ratelimit_timeout=config.longest_wait_s,
            # The pictures and words that matter are in the store: caches would only grow.
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = Tree(self)
        self._identify_s = config.identify_s
        self._tasks = tasks
        self._memory = memory
        self._on_connected: Callable[[], Awaitable[None]] | None = None
        self._on_joined: Callable[[discord.Guild], Awaitable[None]] | None = None
        self.sync_problem: str | None = None
        self.down: set[int] = set()
        """Shards whose connection is lost and not back yet: discord.py counts as ready from its first connection on."""
        self.heard: Counter[int] = Counter()
        """Events by shard, as far as they name a server, since somebody looked."""
        made_safe(self._connection.parsers, self._note_heard)

    def wire(
        self,
        arrivals: Arrivals,
        calls: Calls,
        presses: Presses,
        menus: Menus,
        round_forms: RoundForms,
        reactions: Reactions,
        commands: Sequence[CommandSpec],
        ready: Callable[[], Awaitable[None]],
        joined: Callable[[discord.Guild], Awaitable[None]],
    ) -> None:
        self.arrivals, self.calls, self.presses, self.reactions = arrivals, calls, presses, reactions
        self.round_forms = round_forms
        self._on_connected, self._on_joined = ready, joined
        for spec in commands:
            self.tree.add_command(slash_command(spec, calls.call, calls.complete))
        self.tree.add_command(message_menu("Edit this picture", menus.edit_message))
        self.tree.add_command(message_menu("Use as reference", menus.use_message))
        self.tree.add_command(message_menu("Recipe", menus.recipe_of_message))
        self.add_dynamic_items(ActionButton, ActionMenu, PageButton)

    def _note_heard(self, data: Any) -> None:
        guild = data.get("guild_id") if isinstance(data, dict) else None
        if guild is not None and self.shard_count:
            self.heard[(int(guild) >> 22) % self.shard_count] += 1

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(self._identify_s)

    async def setup_hook(self) -> None:
        try:
            sent = await sync_when_changed(self.tree, self.application_id or 0, self._memory)
            log.info("commands %s", "sent to Discord" if sent else "unchanged")
        except (*FAILURES, app_commands.AppCommandError) as error:
            self.sync_problem = f"Discord does not take the commands: {error}"
            log.error("%s", self.sync_problem)

    async def on_ready(self) -> None:
        if self._on_connected is not None:
            await self._on_connected()

    async def on_shard_disconnect(self, shard: int) -> None:
        self.down.add(shard)

    async def on_shard_ready(self, shard: int) -> None:
        self.down.discard(shard)

    async def on_shard_resumed(self, shard: int) -> None:
        self.down.discard(shard)

    async def on_message(self, message: discord.Message) -> None:
        if self.arrivals.ours(message):
            self._tasks.spawn(self.arrivals.take(message), f"discord message {message.id}")

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        if self.reactions.counts(event):
            self._tasks.spawn(self.reactions.take(event, given=True), f"discord vote {event.message_id}")

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        if self.reactions.counts(event):
            self._tasks.spawn(self.reactions.take(event, given=False), f"discord vote {event.message_id}")

    async def on_interaction(self, interaction: Interaction) -> None:
        if interaction.type is not discord.InteractionType.modal_submit or await self.round_forms.take(interaction):
            return
        if filled := read_form(interaction):
            await self.presses.submitted(interaction, filled)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        log.info("joined the server %s", guild.id)
        if self._on_joined is not None:
            await self._on_joined(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        log.info("left the server %s; its sessions stay stored", guild.id)
