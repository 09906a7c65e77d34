"""The scripted conversation: who says what where, and what the language model answers to it."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

from tests.peers.discord_peer import BOT, CHANNEL, DiscordPeer

PEOPLE_AT_ONCE = 4
MESSAGES_A_PERSON = 12
"""After so many messages somebody else comes: quotas are per person."""
MARK = re.compile(r"\bm(\d+)\b")


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a person and the answer that it gets: `pictures` directives."""

    number: int
    thread: str
    person: str
    pictures: int
    edit: bool
    together: bool
    """Nothing is said between the pictures: they come as one gallery, once they are three."""

    def directive(self, at: int) -> str:
        words = f"pm{self.number}n{at} a red fox"
        return f'<edit change="small"> {words} at night </edit>' if self.edit else f"<image> {words} </image>"

    @property
    def answer(self) -> list[str]:
        """The reply in the chunks in which it is streamed."""
        chunks = [f"Am{self.number}. ", "Let me ", "see what ", "I can ", "do. "]
        for at in range(self.pictures):
            tag = self.directive(at)
            chunks += [tag[:9], tag[9:], *((" ",) if self.together else (f" That was {at}. ", "And so ", "on. "))]
        return [*chunks, f"Zm{self.number}."]


class Load:
    """Says the next message when asked to; everything is drawn from one seed."""

    def __init__(self, peer: DiscordPeer, dice: random.Random) -> None:
        self._peer = peer
        self._dice = dice
        self.said: dict[int, Said] = {}

    async def say(self, *, anew: bool | None = None, drawn: bool = False) -> Said:
        """
        Args:
            anew: True begins a thread in the channel, False goes on in one; None lets the dice choose.
            drawn: The answer has pictures.
        """
        number = len(self.said) + 1
        threads = sorted(self._peer.threads)[-6:]
        begins = self._dice.random() < 0.3 if anew is None else anew
        channel = CHANNEL if begins or not threads else self._dice.choice(threads)
        first = number // (PEOPLE_AT_ONCE * MESSAGES_A_PERSON) * PEOPLE_AT_ONCE
        person = str(5000 + first + self._dice.randrange(PEOPLE_AT_ONCE))
        pictures = self._dice.choice((1, 1, 2, 3, 4) if drawn else (0, 1, 1, 2, 3, 4))
        edit = pictures == 1 and channel != CHANNEL
        together = self._dice.random() < 0.5
        # The message's id names a new thread: it is known once it is said, and the answer may be quick.
        author = self._peer.person(person, f"person {person}")
        text = f"m{number} with {pictures} pictures"
        id = self._peer.next_id()
        self.said[number] = said = Said(number, id if channel == CHANNEL else channel, person, pictures, edit, together)
        await self._peer.say(f"<@{BOT}> {text}" if channel == CHANNEL else text, channel, id=id, author=author)
        return said

    def reply_to(self, request: dict[str, Any]) -> list[str]:
        """The chunks of the answer to a chat request: to every marked message in its last turn."""
        asked = str(request["messages"][-1]["content"])
        return [chunk for mark in MARK.findall(asked) for chunk in self.said[int(mark)].answer]
