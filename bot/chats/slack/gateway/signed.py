"""Whether a request over HTTP is Slack's. Asked before anything reads its body: Bolt reads first and verifies then, and
fails over what it cannot read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from slack_sdk.signature import SignatureVerifier

MOMENT, SIGNATURE = "x-slack-request-timestamp", "x-slack-signature"
AGE_S = 300
"""Older requests are somebody's recording."""


def is_signed(secret: str, headers: Mapping[str, str], body: str, clock: Callable[[], float] = time.time) -> bool:
    """Whether these bytes were signed with the app's secret, lately. `headers` by names in small letters."""
    moment, signature = headers.get(MOMENT, ""), headers.get(SIGNATURE, "")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12 and signature.isascii()):
        return False
    fresh = abs(clock() - int(moment)) <= AGE_S
    return bool(secret) and fresh and SignatureVerifier(secret).is_valid(body, moment, signature)


def asks_for_certificate(body: str) -> bool:
    """Slack looks whether the address has a good certificate; it wants a 200 and nothing else."""
    return "ssl_check" in body[:200] and parse_qs(body[:2000]).get("ssl_check") == ["1"]
