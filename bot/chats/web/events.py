"""What browsers are told as it happens, with newest-wins delivery.

A subscriber that is slow (or was away) never gets a backlog: messages about the same thing replace each
other, and everyone who connects gets a whole snapshot first, so reconnecting is catching up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]
MISSED_S = 600.0
"""What nobody was there for is kept for so long."""
MISSED_EACH, MISSED_ALL = 20, 200
"""Messages for one person in one thread; persons in threads."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """One open page. `pending` keeps the newest message for each key, in order of first arrival."""

    person: str
    pending: dict[str, Message] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    look_again: bool = False
    """Rights have changed: whether they may still follow is to be asked before anything else is sent."""

    def put(self, key: str, message: Message) -> None:
        self.pending[key] = message
        self.wake.set()

    def take(self) -> list[Message]:
        """Everything that has come since the last call."""
        self.wake.clear()
        messages = list(self.pending.values())
        self.pending.clear()
        return messages


@dataclass(frozen=True, slots=True)
class Preview:
    step: int
    data: bytes


class Missed:
    """What was meant for one person and came while they had no page open: a hidden tab follows nothing."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[str, tuple[float, Message]]] = {}

    def keep(self, thread: str, person: str, key: str, message: Message) -> None:
        mine = self._kept.pop((thread, person), {})
        self._kept[thread, person] = mine  # at the end: who has waited longest goes first
        mine[key] = (time.monotonic(), message)
        for over in list(mine)[:-MISSED_EACH]:
            del mine[over]
        for gone in list(self._kept)[:-MISSED_ALL]:
            del self._kept[gone]

    def drop(self, thread: str) -> None:
        for kept in [each for each in self._kept if each[0] == thread]:
            del self._kept[kept]

    def take(self, thread: str, person: str) -> dict[str, Message]:
        since = time.monotonic() - MISSED_S
        kept = self._kept.pop((thread, person), {})
        return {key: message for key, (at, message) in kept.items() if at >= since}


class Hub:
    """The open pages of every thread, the answers that are still growing, and their newest previews."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscriber]] = {}
        self._live: dict[str, dict[str, Message]] = {}
        self._said: dict[str, dict[str, Message]] = {}
        self._previews: dict[str, Preview] = {}
        self._notices = 0
        self._missed = Missed()
        self.closed = False

    def subscribe(self, thread: str, person: str) -> Subscriber:
        subscriber = Subscriber(person)
        self._subscribers.setdefault(thread, set()).add(subscriber)
        for key, message in self._missed.take(thread, person).items():
            subscriber.put(key, message)
        return subscriber

    def unsubscribe(self, thread: str, subscriber: Subscriber) -> None:
        pages = self._subscribers.get(thread, set())
        pages.discard(subscriber)
        if not pages:
            self._subscribers.pop(thread, None)

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return sum(len(pages) for pages in self._subscribers.values())

    def live(self, thread: str) -> list[Message]:
        """Answers of the thread that are still growing."""
        return list(self._live.get(thread, {}).values())

    def said(self, thread: str) -> list[Message]:
        """Messages of people that are being answered, oldest first."""
        return list(self._said.get(thread, {}).values())

    def open_said(self, thread: str, event: str, message: Message) -> None:
        self._said.setdefault(thread, {})[event] = message
        self.publish(thread, f"said/{event}", message)

    def close_said(self, thread: str, event: str) -> None:
        messages = self._said.get(thread, {})
        messages.pop(event, None)
        if not messages:
            self._said.pop(thread, None)

    def show(self, thread: str, turn: str, message: Message, *, final: bool) -> None:
        """The newest state of an answer."""
        if final:
            self._live.get(thread, {}).pop(turn, None)
            if not self._live.get(thread):
                self._live.pop(thread, None)
        else:
            self._live.setdefault(thread, {})[turn] = message
        self.publish(thread, f"reply/{turn}", message)

    def publish(
        self, thread: str, key: str, message: Message, *, person: str | None = None, later: bool = True
    ) -> None:
        """Tell everyone who has the thread open, or only `person`, who is told `later` where they have not: except what
        a snapshot has."""
        reached = False
        for subscriber in self._subscribers.get(thread, ()):
            if person is None or subscriber.person == person:
                subscriber.put(key, message)
                reached = True
        if person is not None and later and not reached:
            self._missed.keep(thread, person, key, message)

    def notice(self, thread: str, person: str | None, sentence: str, event: str | None) -> None:
        """One sentence to one person, or all, about the message `event` if about any; none replaces another."""
        self._notices += 1
        message = {"type": "notice", "sentence": sentence, "event": event}
        self.publish(thread, f"notice/{self._notices}", message, person=person)

    def end(self, thread: str, message: Message) -> None:
        """The thread is gone: nothing of it is kept, and whoever has it open is told."""
        for turn in self._live.pop(thread, {}).values():
            for part in turn["turn"]["parts"]:
                self._previews.pop(part.get("slot", ""), None)
        self._said.pop(thread, None)
        self._missed.drop(thread)
        for subscriber in self._subscribers.get(thread, ()):
            subscriber.pending.clear()
            subscriber.put("end", message)

    def keep_preview(self, slot: str, step: int, data: bytes) -> None:
        self._previews[slot] = Preview(step, data)

    def drop_preview(self, slot: str) -> None:
        self._previews.pop(slot, None)

    def preview(self, slot: str) -> Preview | None:
        return self._previews.get(slot)

    def look_again(self) -> None:
        """Somebody's rights have changed: let every page's stream ask whether it may go on."""
        for pages in self._subscribers.values():
            for subscriber in pages:
                subscriber.look_again = True
                subscriber.wake.set()

    def close(self) -> None:
        """Wake every page's stream so that it ends; browsers come back by themselves."""
        self.closed = True
        for pages in self._subscribers.values():
            for subscriber in pages:
                subscriber.wake.set()
