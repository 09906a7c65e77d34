"""Content Credentials (C2PA 2.x): a signed statement in the file of how it was made, by `c2pa-python`.

The statement names the program, what was done and, for what was made from other pictures, that there were some. No
person, no words and no time of a person's are in it. Whoever signs twice gets different bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from imaging.marking.metadata import SourceType

LOOK = "easel.look"
"""Label of our own assertion: what the picture looks like in 64 bits (`imaging.marking.looks`), so that a reader can
tell an edited picture from another picture that a statement was put into."""
ROOM = 6144
"""Bytes that a statement takes at most, …"""
ROOM_FOR_PARENT = 1024
"""… and for each parent more."""
RESIZED = "c2pa.resized"
"""The action (C2PA 2.2, "Actions") of a copy that is larger than what was made."""
ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")


class CannotSign(Exception):
    """The certificate, its key or the library refuse; `str(error)` says why, for the host."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is signed with. `chain`: PEM, the signer's certificate first; `key`: PEM, PKCS #8."""

    chain: str
    key: str
    algorithm: str = "es256"
    timestamp_url: str = ""
    """Of a time-stamp authority (RFC 3161), which is asked at every signing; empty: none."""


@dataclass(frozen=True, slots=True)
class Known:
    """By what a picture of this Easel is told from others: the root, PEM, and the signer's serial number under it.
    Empty `serial`: the root is Easel's own, and nobody else's hangs from it. Empty `root`: there is none."""

    root: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A picture that another was made from."""

    title: str
    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a signed copy says of itself. `edited`: it is the first parent, changed; `enlarged`: larger than it was
    made."""

    version: str
    source: SourceType = SourceType.GENERATED
    edited: bool = False
    parents: Sequence[Ingredient] = ()
    look: str = ""
    enlarged: bool = False

    @property
    def room(self) -> int:
        """Bytes that it adds to a file at most."""
        return ROOM + ROOM_FOR_PARENT * len(self.parents)

    def manifest(self, media_type: str) -> dict[str, Any]:
        """The manifest's definition (C2PA 2.2, "Actions")."""
        names = [f"parent-{at}" for at in range(len(self.parents))]
        assertions = [{"label": "c2pa.actions.v2", "data": {"actions": list(self._actions(names))}}]
        if self.look:
            assertions.append({"label": LOOK, "data": {"dhash": self.look}})
        return {
            "claim_generator_info": [{"name": "Easel", "version": self.version}],
            "format": media_type,
            "assertions": assertions,
        }

    def _actions(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """An edit opens its parent; everything else is created, from other pictures where there are some."""
        made = {"digitalSourceType": self.source.value, "softwareAgent": {"name": "Easel", "version": self.version}}
        if self.edited and names:
            yield {"action": "c2pa.opened", "parameters": {"ingredientIds": names[:1]}}
            others = {"parameters": {"ingredientIds": names[1:]}} if names[1:] else {}
            yield {"action": "c2pa.edited", **made, **others}
        else:
            yield {"action": "c2pa.created", **made, **({"parameters": {"ingredientIds": names}} if names else {})}
        if self.enlarged:
            yield {"action": RESIZED}

    def relation(self, at: int) -> str:
        return "parentOf" if self.edited and at == 0 else "inputTo"


def sign(data: bytes, media_type: str, statement: Statement, credential: Credential) -> bytes:
    """The file with the signed statement in it. Blocks; with a time-stamp address it asks the network.

    Args:
        data: PNG, JPEG or WebP.

    Raises:
        CannotSign: see there.
    """
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:  # its library is not there for every machine
        raise CannotSign(f"c2pa-python cannot be loaded ({error})") from error
    out = io.BytesIO()
    info = c2pa.C2paSignerInfo(
        credential.algorithm.encode(), credential.chain.encode(), credential.key.encode(),
        credential.timestamp_url.encode() or None,
    )  # fmt: skip
    try:
        with (
            c2pa.Context.from_dict(settings()) as context,
            c2pa.Builder(json.dumps(statement.manifest(media_type)), context=context) as builder,
            c2pa.Signer.from_info(info) as signer,
        ):
            for at, parent in enumerate(statement.parents):
                told = {"title": parent.title, "relationship": statement.relation(at), "label": f"parent-{at}"}
                builder.add_ingredient(json.dumps(told), parent.media_type, io.BytesIO(parent.data))
            builder.sign(signer, media_type, io.BytesIO(data), out)
    except c2pa.C2paError as error:
        raise CannotSign(str(error)) from error
    return out.getvalue()


def settings(anchors: str = "") -> dict[str, Any]:
    """Of the library: no thumbnails, which cost more than all else; nothing is ever fetched from elsewhere.

    Args:
        anchors: PEM of the roots that are trusted.
    """
    chosen: dict[str, Any] = {
        "version": 1,
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    return chosen | ({"trust": {"trust_anchors": anchors}} if anchors else {})
