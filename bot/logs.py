"""Logging for the command line: one line each on standard error, quiet libraries."""

from __future__ import annotations

import logging

NOISY = ("httpx", "httpcore", "openai", "discord.client", "discord.gateway", "slack_bolt", "aiohttp.access", "PIL")


def set_up(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
