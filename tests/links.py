"""Links as people are led astray with them: one table for every place that makes links. A newcomer adds a row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """`[label](address)`; `honest`: it may be shown as the label alone. `goal`: what must be read otherwise; None where
    there must be no link at all."""

    name: str
    label: str
    address: str
    honest: bool
    goal: str | None = None


EVIL = "https://evil.example/x"
LINKS = (
    Link("words", "the guide", "https://docs.example/x", True),
    Link("words in another script", "die Anleitung für Füchse", "https://docs.example/x", True),
    Link("the same address", "https://docs.example/x", "https://docs.example/x", True),
    Link("the same host", "docs.example", "https://docs.example/x", True),
    Link("the same host in capitals", "Docs.Example", "https://docs.example/x", True),
    Link("another host", "https://bank.example", EVIL, False, EVIL),
    Link("a bare domain", "bank.example", EVIL, False, EVIL),
    Link("a domain among words", "log in at bank.example now", EVIL, False, EVIL),
    Link("a part of the host", "bank.example", "https://bank.example.ev.il/", False, "https://bank.example.ev.il"),
    Link("a look-alike", "https://b\u0430nk.example", EVIL, False, EVIL),
    Link("full width", "ｂａｎｋ．ｅｘａｍｐｌｅ", EVIL, False, EVIL),
    Link("another full stop", "bank。example", EVIL, False, EVIL),
    Link("a leader for a full stop", "bank\u2024example", EVIL, False, EVIL),
    Link("invisible characters", "ba\u200bnk.\u2060example", EVIL, False, EVIL),
    Link("a selector that nobody sees", "bank.\ufe0fexample", EVIL, False, EVIL),
    Link("a joiner that nobody sees", "bank.\u034fexample", EVIL, False, EVIL),
    Link("a filler that nobody sees", "bank.\u3164example", EVIL, False, EVIL),
    Link("a letter like a full stop", "bank\ua4f8example", EVIL, False, EVIL),
    Link("strokes like slashes", "https:\u2571\u2571bank", EVIL, False, EVIL),
    Link("nothing but a selector", "\ufe0f\u2800", EVIL, False, EVIL),
    Link("turned around", "\u202eelpmaxe.knab", EVIL, False, EVIL),
    Link("white space", "bank . example", EVIL, False, EVIL),
    Link("white space around", "  https://bank.example  ", EVIL, False, EVIL),
    Link("nothing to read", "\u200b", EVIL, False, EVIL),
    Link("a mail address", "help@bank.example", EVIL, False, EVIL),
    Link("a path", "bank\\login", EVIL, False, EVIL),
    Link("a name before the host", "https://bank.example", "https://bank.example@evil.example/", False),
    Link("a password before the host", "the guide", "https://bank.example:x@evil.example/", False),
    Link("an encoded at", "the guide", "https://bank.example%40evil.example/", False),
    Link("an encoded slash", "the guide", "https://bank.example%2f@evil.example/", False),
    Link("a backslash", "the guide", "https://evil.example\\@bank.example/", False),
    Link("a label with a name before the host", "https://docs.example@evil.example", "https://docs.example/", False,
         "https://docs.example/"),
    Link("a host in another script", "https://b\u0430nk.example", "https://b\u0430nk.example/", False,
         "https://xn--bnk-6cd.example/"),
)  # fmt: skip
ADDRESSES = {
    "https://docs.example/x": "https://docs.example/x",
    "https://b\u0430nk.example/": "https://xn--bnk-6cd.example/",
    "https://m\u00fcller.example/": "https://xn--mller-kva.example/",
    "https://bank.example@evil.example/": None,
    "https://bank.example:pass@evil.example/": None,
    "https://bank.example%40evil.example/": None,
    "https://evil.example\\@bank.example/": None,
}
"""Addresses in the text: how each may be linked; None: not at all."""
