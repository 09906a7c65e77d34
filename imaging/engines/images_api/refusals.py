"""What an endpoint's errors mean: a sentence for people, and one for whoever runs the program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from imaging.refused import error_texts


class ImagesRefused(Exception):
    """`str()` is the sentence for people."""

    def __init__(self, sentence: str, *, retryable: bool = True, moderated: bool = False) -> None:
        super().__init__(sentence)
        self.retryable = retryable
        self.moderated = moderated


@dataclass(frozen=True, slots=True)
class Meaning:
    """`host` is for the log. `again`: it may be asked again by itself, which costs nothing then."""

    sentence: str
    host: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    statuses: tuple[int, ...]
    """Empty: any."""
    words: str
    """A regular expression that stands in the error; empty: any."""
    meaning: Meaning
    edits: bool | None = None
    """Only where a picture was sent, or none."""


MODERATED: Final = Meaning(
    "The images endpoint's moderation refused this description; please ask for something else.", "moderation refused it"
)
TOO_LONG: Final = Meaning(
    "The images endpoint took too long; it may have drawn the picture and charged for it. Ask again if you want to.",
    "no answer in time; it is not asked again by itself, because it may have charged",
)
_ROWS: Final = (
    _Row(
        (0, 200, 400, 403, 422, 451), r"moderation|content[ _]policy|content_filter|safety|responsibleaipolicy",
        MODERATED,
    ),
    _Row(
        (400, 401, 403, 404), r"must be verified|verify (your )?organi[sz]ation|organi[sz]ation.{0,40}verif",
        Meaning(
            "The images endpoint gives this model only to verified organisations; whoever runs me can have theirs "
            "verified or set another EASEL_IMAGES_MODEL.",
            "the key's organisation is not verified: verify it in the provider's settings, or set EASEL_IMAGES_MODEL",
        ),
    ),
    _Row(
        (0, 200, 400, 402, 403, 429),
        r"insufficient_quota|exceeded your current quota|billing|spending limit|insufficient (credit|funds|balance)|"
        r"payment required|out of credits|no credits?\b",
        Meaning(
            "The account at the images endpoint has reached its spending limit; whoever runs me can raise it.",
            "the account's limit is reached or it has no credit: see the provider's billing page",
        ),
    ),
    _Row((402,), "", Meaning(
        "The account at the images endpoint has no credit left; whoever runs me can add some.",
        "payment required: see the provider's billing page",
    )),
    _Row(
        (401, 403), r"country|region|territory",
        Meaning("The images endpoint does not serve this place.", "the provider does not serve this country or region"),
    ),
    _Row(
        (401, 403, 407), "",
        Meaning("The images endpoint refuses the key; check EASEL_IMAGES_API_KEY.", "the key is refused"),
    ),
    _Row(
        (400, 404, 410), r"model.{0,120}(not found|does not exist|not exist|shut ?down|retired|deprecated|no longer|"
        r"not available|unknown|unsupported)|(no such|unknown|invalid|not found:?) model|model_not_found",
        Meaning(
            'The images endpoint has no model "{model}"; check EASEL_IMAGES_MODEL.',
            "it has no such model (any more): `easel doctor` lists what it has",
        ),
    ),
    _Row(
        (404, 405, 501), "",
        Meaning(
            "This images endpoint cannot change pictures; ask for a new one instead.",
            "it has no /images/edits, or its model cannot edit",
        ),
        edits=True,
    ),
    _Row((404, 405, 410), "", Meaning(
        'The images endpoint has no model "{model}"; check EASEL_IMAGES_MODEL.',
        "there is no such model, or nothing at this address: EASEL_IMAGES_BASE_URL usually ends with /v1",
    )),
    _Row((504, 524, 408), "", TOO_LONG),
    _Row((429,), "", Meaning(
        "The images endpoint is busy or its quota is used up; please try again in a minute.", "it is busy", again=True
    )),
    _Row((413,), "", Meaning(
        "The picture is too large for the images endpoint; ask for a smaller one.", "it takes no request of that size"
    )),
    _Row((300, 301, 302, 303, 307, 308), "", Meaning(
        "The images endpoint has moved; check EASEL_IMAGES_BASE_URL.",
        "it answers with a redirect, which is not followed: what was asked would go to another place",
    )),
)  # fmt: skip
_ANYTHING: Final = Meaning(
    "The images endpoint did not take the request; try other words or another size.", "it did not take the request"
)


def meaning_of(status: int, body: object, *, edit: bool) -> Meaning:
    """The first row that fits.

    Args:
        status: Of the response; 0 for an error inside a response that says 200.
        body: JSON as read, or text.
        edit: Whether a picture was sent.
    """
    words = " ".join(error_texts(body))
    for row in _ROWS:
        if row.statuses and status not in row.statuses:
            continue
        if row.edits not in (None, edit):
            continue
        if not row.words or re.search(row.words, words, re.IGNORECASE | re.DOTALL):
            return row.meaning
    if status >= 500:
        return Meaning(
            f"The images endpoint has a problem (status {status}); please try again later.", "its own fault", again=True
        )
    return _ANYTHING
