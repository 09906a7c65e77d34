"""What a file says of its origin in words for machines: IPTC's digital source type, in XMP.

Source: IPTC Photo Metadata Standard 2025.1, "Digital Source Type"; Adobe, XMP Specification Part 3 (where XMP lies in
PNG, JPEG and WebP).
"""

from __future__ import annotations

import re
from enum import StrEnum

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SAID = re.compile(rb"""DigitalSourceType(?:>\s*|\s*=\s*["']|[^<>]{0,40}resource\s*=\s*["'])(http[^"'<>\s]{1,200})""")
_TEMPLATE = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Easel {version}">
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


class SourceType(StrEnum):
    """Of IPTC's vocabulary, what pictures of Easel are."""

    GENERATED = _VOCABULARY + "trainedAlgorithmicMedia"
    COMPOSITE = _VOCABULARY + "compositeSynthetic"
    """Several pictures side by side, of which one at least was made by AI."""


AI_TYPES = frozenset(
    {*SourceType, _VOCABULARY + "compositeWithTrainedAlgorithmicMedia", _VOCABULARY + "algorithmicallyEnhanced"}
)
"""What says, in files from anywhere, that AI had a part in it."""


def xmp(source: SourceType, version: str) -> bytes:
    """A whole XMP packet."""
    return _TEMPLATE.format(source=source.value, version=version).encode()


def source_type(packet: bytes) -> str | None:
    """The digital source type that an XMP packet names; found by its name, so that no XML of strangers is read."""
    found = _SAID.search(packet)
    return None if found is None else found[1].decode("ascii", "replace")
