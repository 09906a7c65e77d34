"""App Home: how to start, my threads, my usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.chats.slack import blocks, mrkdwn
from handlers.model import CommandSpec
from handlers.ports import ThreadSummary

START = (
    "*Talk, and pictures appear.* Mention me in a channel, write to me here, or use `/easel imagine an idea`. "
    "In a thread that I answered every message counts: “make it blue”, “the second one”, “more like #3”."
)


def view(threads: Sequence[ThreadSummary], usage: str, commands: Sequence[CommandSpec]) -> dict[str, Any]:
    """A `views.publish` payload within 100 blocks."""
    shown: list[blocks.Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": "Easel"}},
        blocks.section(START),
        {"type": "divider"},
    ]
    if usage:
        shown.append(blocks.section("*My usage*\n" + mrkdwn.from_markdown(usage)[:2_900]))
    if threads:
        lines = [
            f"• {mrkdwn.escape(blocks.short(t.title or 'A thread', 80))} — {t.pictures} pictures" for t in threads[:10]
        ]
        shown.append(blocks.section("*Latest threads*\n" + "\n".join(lines)))
    rows = [f"`/easel {spec.name}` {mrkdwn.escape(spec.summary)}" for spec in commands]
    shown.append(blocks.section(("*Commands*\n" + "\n".join(rows))[:3_000]))
    return {"type": "home", "blocks": shown}
