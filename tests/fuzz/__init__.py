"""Fuzzers of what comes from others: bounded here, and as long as one likes with FUZZ_EXAMPLES.

FUZZ_EXAMPLES=100000 python -m pytest tests/fuzz --timeout 0
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "80"))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.sampled_from([10**400, -1, 0, 2**63]),
    st.floats(), st.text(st.characters(codec=None), max_size=12),
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
"""What JSON can say."""


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """A file with some of its bytes changed, taken out or doubled."""
    place = st.integers(0, len(whole))
    changes = st.lists(st.tuples(place, st.sampled_from("sid"), st.binary(min_size=1, max_size=8)), max_size=6)
    return st.builds(_damage, st.just(whole), changes, st.none() | place)


def _damage(whole: bytes, changes: list[tuple[int, str, bytes]], cut: int | None) -> bytes:
    data = bytearray(whole)
    for at, how, new in changes:
        if how == "s":
            data[at : at + len(new)] = new
        elif how == "i":
            data[at:at] = new
        else:
            del data[at : at + len(new)]
    return bytes(data if cut is None else data[:cut])
