"""Whether somebody may use the bot where they are, asked within the 3 s that an interaction has."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from bot.chats.discord.people import Interaction, member_of, person_of_interaction, whereabouts
from handlers.access import BUSY
from handlers.model import ThreadKey
from handlers.ports import Handlers

log = logging.getLogger(__name__)
LOOK_UP_S = 1.5
"""The rules are read from the store once a server; half of the time that an answer has is enough for that."""


async def may_enter(
    handlers: Handlers, interaction: Interaction, key: ThreadKey, *, admin_act: bool = False, own_data: bool = False
) -> str | None:
    """The sentence for the person, or None when all is well. Every interaction asks here before anything is done."""
    # Discord wants every interaction answered; that nobody else sees, so it is said each time.
    where = replace(whereabouts(key, interaction.channel), admin_act=admin_act, own_data=own_data, untold=True)
    if not member_of(interaction.client, interaction):
        where = replace(where, direct=True)  # only the person brought us here: nobody's lists are about this place
    try:
        return await asyncio.wait_for(handlers.refusal(where, person_of_interaction(interaction)), LOOK_UP_S)
    except TimeoutError:
        log.warning("the rules of access could not be read in time")
        return BUSY


async def may_press(handlers: Handlers, interaction: Interaction, key: ThreadKey) -> str | None:
    """The same for a button or a form of the session `key`."""
    if str(interaction.channel_id) not in (key.channel, key.thread):
        return "That button belongs to another place; use it there."
    return await may_enter(handlers, interaction, key)
