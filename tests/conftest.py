"""What holds for every test."""

import threading
from collections.abc import Iterator

import pytest
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import Route
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("easel", deadline=None)
settings.load_profile("easel")


@pytest.fixture(autouse=True)
def discords_own() -> Iterator[None]:
    """What discord.py keeps for a whole process ends with the test: addresses in classes, and the heartbeats of
    connections whose bot was killed, which would fail in a later test because their event loop is closed."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.stop()
