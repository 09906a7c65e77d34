from __future__ import annotations

import pytest

from handlers.brainstorm import watching
from tests.handlers.brainstorm.rounds import Brainstorm
from tests.handlers.conftest import World


@pytest.fixture
def storm(world: World, monkeypatch: pytest.MonkeyPatch) -> Brainstorm:
    monkeypatch.setattr(watching, "PACE_S", 0.01)
    monkeypatch.setattr(watching, "NAP_S", 0.01)
    return Brainstorm(world)
