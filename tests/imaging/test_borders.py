"""What stands in a table stands alone: no technique's file imports another's, no engine another but on purpose."""

from __future__ import annotations

from itertools import permutations

import grimp
import pytest

from imaging.engine_table import ENGINES
from imaging.model import Technique

ON_PURPOSE = {("imaging.engines.mini", "imaging.engines.sdxl")}
"""The bundled model is SDXL's engine with weights of its own."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("imaging", cache_dir=None)


def test_techniques_do_not_know_each_other(graph: grimp.ImportGraph) -> None:
    files = {f"imaging.controls.{name}" for technique in Technique for name in technique.traits.files}
    assert len(files) > 2
    assert [pair for pair in permutations(files, 2) if graph.chain_exists(*pair)] == []


def test_engines_do_not_know_each_other(graph: grimp.ImportGraph) -> None:
    files = {f"imaging.engines.{row.file}" for row in ENGINES.values()}
    assert {pair for pair in permutations(files, 2) if graph.chain_exists(*pair)} == ON_PURPOSE
