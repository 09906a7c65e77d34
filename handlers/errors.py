"""Errors of the conversation. Each carries the sentence that the user reads."""

from __future__ import annotations


class UserError(Exception):
    """`str(error)` is one plain sentence with the way out; it is shown to the person who asked."""


class TooLong(UserError):
    """A message is longer than the limit."""


class NotAllowed(UserError):
    """The person may not do this."""


class NoSuchPicture(UserError):
    """A picture number that this thread does not have."""


class LanguageModelError(UserError):
    """The language model did not answer; `str(error)` says what happened and the way out."""


class CutShort(LanguageModelError):
    """The reply ended before it was whole: its words stay, a tag that was still open does not run."""


class Declined(LanguageModelError):
    """What was asked is refused as such (moderation, a content filter): it is not told to the model again."""


class Drafted(LanguageModelError):
    """Everything that came so far was the model's thoughts; asked again, it gives the reply alone."""


class Moderated(UserError):
    """What was asked for, brought or drawn is refused; the sentence says what, not how to get around it."""


class UnreadableUpload(UserError):
    """An attachment that is not a picture we take."""


class QuotaUsedUp(UserError):
    """A quota of the person, the channel, the workspace or all is used up; the sentence says when it renews."""


class CallsUsedUp(QuotaUsedUp, LanguageModelError):
    """The same of the calls of the language model."""


class StoreError(UserError):
    """The database or the disk refuses; the sentence says what to free or to mend."""


class ThreadGone(StoreError):
    """A thread was deleted: nothing is said or drawn in it any more."""


class PictureGone(StoreError):
    """A picture, or its file, is not there any more: asking again does not help."""
