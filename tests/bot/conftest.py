"""What tests of the page share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.web_site import Site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The page of a home, without a login."""
    made = Site(tmp_path)
    await made.start()
    yield made
    await made.stop()
