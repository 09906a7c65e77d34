"""What holds for every test."""

from collections.abc import Iterator

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("easel", deadline=None)
settings.load_profile("easel")


@pytest.fixture(autouse=True)
def discords_addresses() -> Iterator[None]:
    """discord.py keeps its addresses in classes: who points it at a peer must not do so for the tests after."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
