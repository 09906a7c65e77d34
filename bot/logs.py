"""Logging for the command line: one line each on standard error, quiet libraries, no words of people.

Every line about a message carries one id, from its arrival to its post: the id of the reply. At INFO and above
nothing that people wrote and no token is logged.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from imaging.trace import current

NOISY = (
    "httpx", "httpx2", "httpcore", "httpcore2", "openai", "discord.client", "discord.gateway", "discord.shard",
    "slack_bolt", "slack_sdk", "aiohttp.access", "PIL",
)  # fmt: skip
QUIET = ("discord.client", "slack_sdk.socket_mode")
"""These put what they send or hear into their debug lines, or warn of what we do without."""


def set_up(level: str, shape: str = "text") -> None:
    """`shape` is `text` or `json` (one object a line)."""
    handler = logging.StreamHandler()
    handler.addFilter(_with_trace)
    handler.setFormatter(_Json() if shape == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def _with_trace(record: logging.LogRecord) -> bool:
    record.trace = current.get()
    return True


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s [%(trace)s]: %(message)s", "%H:%M:%S")


class _Json(logging.Formatter):
    """For a log collector."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "trace": getattr(record, "trace", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
