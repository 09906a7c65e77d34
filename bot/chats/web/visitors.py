"""Where a request comes from: decided here alone."""

from __future__ import annotations

from collections.abc import Mapping

FORWARDING = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "fly-client-ip"}
)
"""Headers of proxies and tunnels, besides everything that begins with `x-forwarded-`."""


def forwarded(headers: Mapping[str, str]) -> bool:
    """Whether somebody stands between the visitor and us, as far as the headers tell."""
    return any(name in FORWARDING or name.startswith("x-forwarded-") for name in map(str.lower, headers))
