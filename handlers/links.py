"""Links that say where they lead: one decision for every place where words of models or people become links.

A label like `https://bank.example` on a link to another host is how people are led astray. Such a link is taken apart,
so that the address itself is read. The page decides the same in `links.js`, by the same table of examples in the tests.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

import idna

GAP = "\u200b"
"""Stands between two characters that would be read as markup; nobody sees it."""

_ADDRESS = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[^\s/?#:@%\\\[\]]+)(:\d{1,5})?([/?#]\S*)?", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_.\-]+|\[[0-9a-f:.]+\]")
_LIKE_AN_ADDRESS = re.compile(r"[./\\@。·‧∙⋅•ꓸ܁܂⸳꘎∕⁄⧸╱⟋]\w|//|[╱⟋]{2}")
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What has no shape of its own and is a letter or a mark to Unicode: selectors, fillers, joiners."""
_MASKED = re.compile(r"\[([^\[\]\n\\]{1,300})\]\((https?://[^\s()<>]{1,2000})\)", re.IGNORECASE)
_OPENS_A_LINK = re.compile(r"\](?=\()")
_DEFINITION = re.compile(r"^([ \t>*+\-\d.)]{0,20}\[(?:[^\[\]\\]|\\.){0,999}\])(?=:)", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<(?=/?[a-z][a-z0-9-]*[\s/>]|(?!https?:)[a-z][a-z0-9+.\-]{1,31}:)", re.IGNORECASE)
"""HTML, and `<address>` of another scheme than the web's."""
_MISLEADS = re.compile(r"(<?)(https?:)(?=//[^\s/?#<@%\\]*[@%\\])", re.IGNORECASE)
_HOST_IN_TEXT = re.compile(
    r"(<?)(https?:)//(?=[!-~]{0,300}[^\s!-~])([\w.\-。．｡\u200b-\u200f\u2060\u00ad]+)", re.IGNORECASE
)
_TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Characters that turn the direction of what follows, an address too. Scripts that run from right to left need none."""
_SAFE = "%/:?#[]@!$&'()*+,;=~-._"


def destination(address: str) -> str | None:
    """Where an address leads, in characters that cannot be mistaken: host and path in ASCII.

    None for all that is no plain address of the web: with a name or password before the host, with an encoded or odd
    host, with another scheme.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    scheme, written, port, rest = found.groups()
    host = _ascii_host(written)
    return None if host is None else f"{scheme.lower()}://{host}{port or ''}{quote(rest or '', safe=_SAFE)}"


def lies(label: str, address: str) -> bool:
    """Whether somebody who reads `label` may take the link for one to another place than `address`.

    Words are no address and say nothing wrong. What looks like one must name the host that it leads to, in ASCII.
    """
    goal = destination(address)
    words = _visible(label)
    if goal is None or not words:
        return True
    if not _LIKE_AN_ADDRESS.search("".join(words.split())):
        return False
    written = label.strip()
    named = destination(written if "://" in written else f"https://{written}")
    return not label.isascii() or named is None or urlsplit(named).netloc != urlsplit(goal).netloc


def guarded(markdown: str) -> str:
    """Markdown in which every link says where it leads: what lies, or cannot be judged, is text to whoever renders it.

    Nothing visible is added or taken away, so it may stand in a code block too. A second time it changes nothing.
    """
    markdown = markdown.translate(_TURNING)
    kept: list[str] = []
    begin = 0
    for found in _MASKED.finditer(markdown):
        label, address = found.groups()
        if not lies(label, address) and destination(address) is not None and address.isascii():
            kept += [_unlinked(markdown[begin : found.start()]), found[0]]
            begin = found.end()
    return "".join([*kept, _unlinked(markdown[begin:])])


def plain_addresses(text: str) -> str:
    """Text for a platform that makes links of addresses by itself: hosts in ASCII, and those that mislead no links."""
    text = text.translate(_TURNING)
    return _HOST_IN_TEXT.sub(_in_ascii, _MISLEADS.sub(_broken, text))


def _unlinked(text: str) -> str:
    text = _DEFINITION.sub(rf"\1{GAP}", text)
    text = _OPENS_A_LINK.sub(lambda found: found[0] + GAP, text)
    return plain_addresses(_TAG.sub(f"<{GAP}", text))


def _in_ascii(found: re.Match[str]) -> str:
    bracket, scheme, place = found.groups()
    host = _ascii_host(place)
    return f"{_broken(found)}//{place}" if host is None else f"{bracket}{scheme}//{host}"


def _broken(found: re.Match[str]) -> str:
    """The beginning of an address so that nobody makes a link of it, not of `<address>` either."""
    bracket, scheme = found[1], found[2]
    return f"{bracket and bracket + GAP}{scheme}{GAP}"


def _ascii_host(written: str) -> str | None:
    if _HOST.fullmatch(written.lower()):
        return written.lower()
    try:
        return idna.encode(written, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None


def _visible(label: str) -> str:
    """What is seen of it: look-alike forms as what they look like, without invisible characters."""
    shown = without_fillers(unicodedata.normalize("NFKC", label))
    return "".join(c for c in shown if unicodedata.category(c) not in ("Cf", "Cc")).strip()


def without_fillers(text: str) -> str:
    """Without letters and marks that nobody sees; words with and without them look the same."""
    return _UNSEEN.sub("", text)
