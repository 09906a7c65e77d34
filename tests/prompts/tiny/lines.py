"""Lines as the tiny model writes them, and what becomes of them chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompts.tiny.reply import ReplyContext, TaggedReply
from training.tiny.line import Command, LineOperation


def write_operation(operation: LineOperation) -> str:
    """Write one operation as the model does; the inverse of `parse_operation`."""
    match operation.name:
        case "image":
            count = f" x{operation.count}" if operation.count > 1 else ""
            return f"image{count}: " + " | ".join(operation.descriptions)
        case "edit":
            change = f" {operation.change}" if operation.change else ""
            return f"edit {operation.target}{change}: {operation.descriptions[0]}"
        case "variation":
            return f"variation {operation.target}" + (f" x{operation.count}" if operation.count > 1 else "")
        case "select" | "refine":
            return f"{operation.name} {operation.target}"


def write_command(command: Command) -> str:
    """Write a command line; the inverse of `parse_command`."""
    if not command.operations:
        return f"reply: {command.words}" if command.words else "reply"
    return " ; ".join(write_operation(o) for o in command.operations)


def streaming_reply(chunks: Iterable[str], context: ReplyContext) -> Iterator[str]:
    """Turn a command line that comes in chunks into the reply, tag by tag; `reply` gives nothing."""
    reply = TaggedReply(context)
    for chunk in chunks:
        yield from reply.feed(chunk)
    yield from reply.finish()
