"""Sentences for people say nothing of the host's machine: where its files lie, where its endpoints are.

The host reads the whole sentence in the log, in `easel doctor` and at the terminal.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S*[^\s.,;:!?)'\"\]]", re.IGNORECASE)
_HOST = re.compile(r"\b(?:localhost|(?:[a-z0-9-]+\.)+[a-z0-9-]+):\d{2,5}\b", re.IGNORECASE)
_PART = r"[^\s/,;:'\"()]+"
_PATH = re.compile(rf"(?<![\w/.~-])(?:(?:~\w*|\.\.?)(?:/{_PART})*|(?:/{_PART})+)/({_PART})")


def without_places(sentence: str) -> str:
    """The sentence with the last part of each path only, and with no address."""
    sentence = _ADDRESS.sub("its address", sentence)
    return _PATH.sub(r"\1", _HOST.sub("its address", sentence))
