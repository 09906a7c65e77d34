"""What people type that begins with a slash, and what comes of it: the same on every platform."""

from __future__ import annotations

ANSWERED = (
    ("/usage", "Today you have had"),
    ("  /usage", "Today you have had"),
    ("/Usage!", "Today you have had"),
    ("/help", "Tell me what you would like to see"),
    ("/gallery", "There are no pictures yet"),
    ("/settings style: pixel art size:wide", "size: wide"),
    ("/settings size:huge", "size must be one of"),
    ("/settings size", "does not take “size”; write /settings [style:…] [size:…]"),
    ("/settings sizee wide", "does not take “sizee wide”"),
    ("/settings sizee:wide", "does not take “sizee:wide”"),
    ("/settings Size wide", "does not take “Size wide”"),
    ("/cancel person Guest 1a2b", "does not take “person Guest 1a2b”"),
    ("/cancel person:Guest 1a2b", "Nothing is under way"),
    ("/exprot", "There is no command"),
    ("/exprot", "Did you mean"),
    ("/nonsense at all", "without the slash it is a message like any other"),
    ("/usage please", "does not take"),
    ("/stop", "Nothing is under way in this thread."),
    ("/imagine", "needs text"),
    ("/imagine /usage", "one command at a time"),
)
"""Text and what its answer has in it; no language model is asked."""

SAID = (
    ("/imagine a fox: red", "a fox: red"),
    ("/imagine /usr/bin", "/usr/bin"),
    ("/", "/"),
    ("// usage", "// usage"),
    ("//usage", "//usage"),
    ("/usr/bin is a folder", "/usr/bin is a folder"),
    ("/: hm", "/: hm"),
    ("/o\\ hooray", "/o\\ hooray"),
    ("/3 of them", "/3 of them"),
    ("see /usage", "see /usage"),
)
"""Text and the words of it that the language model is told."""
