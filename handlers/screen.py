"""Asks every moderator, weighs what they find by the policy of the place, and tells the host what was decided.

The one door that words and pictures go through: `Screen.check` raises what the person reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from handlers.errors import Moderated
from handlers.model import ThreadKey, Whereabouts
from handlers.moderation.model import Category, Finding, Kind, Level, Subject, Weight
from handlers.moderation.policy import SETTLED, Judgement, Policy, Verdict, demeaning, judge
from handlers.moderation.sentences import UNAVAILABLE, refusal
from handlers.observer import NoObserver, Observer
from handlers.ports import Moderator, ModeratorUnavailable, Store

log = logging.getLogger(__name__)

SETTING: Final = "moderation"
"""The setting's name in a channel's or a server's scope; its value is a level."""
SCOPE: Final = "moderation:"
AGE: Final = "age"
RESTRICTED: Final = "restricted"
ASK_AGAIN_S: Final = 2.0
"""How long whoever asks whether all is well waits for a moderator that failed."""
PROBE: Final = Subject(Kind.DESCRIPTION, "a red ball on a table")
IN_WORDS: Final = "nude"
"""What a picture was found to show, beside its description: who is in it is known from the words alone."""


BARED: Final = Finding(
    Category.REAL_PEOPLE, Weight.CLEAR, "origin", "something sexual, made from a picture that a person brought"
)


def _bares(findings: Sequence[Finding], kind: Kind) -> bool:
    """Whether somebody's photo would become something sexual: by any such word, or by what is beyond doubt in the
    finished picture, as a photo from a beach is borderline itself."""
    least = Weight.BORDERLINE if kind is Kind.DESCRIPTION else Weight.CLEAR
    return any(one.category is Category.SEXUAL and one.weight >= least for one in findings)


class Previews(StrEnum):
    """What people see of a picture that is still being drawn."""

    SHOWN = "shown"
    CLEARED = "cleared"
    """Each once the moderators have let it through."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class House:
    """What whoever runs the program decides for all places."""

    policy: Policy = field(default_factory=Policy)
    age_restricted: Level | None = None
    """The level of age-restricted channels; None: as everywhere."""
    closed: bool = True
    """Whether a subject is refused that a moderator cannot look at; False: the others decide."""
    previews: Previews = Previews.SHOWN

    def floor(self, age_restricted: bool) -> Level:
        """The loosest level that a place may have."""
        looser = self.age_restricted if age_restricted else None
        return self.policy.level if looser is None else looser

    def policy_of(self, age_restricted: bool, chosen: Level | None) -> Policy:
        """What holds in a place whose admins chose a level, or none."""
        own = replace(self.policy, level=self.floor(age_restricted))
        return own if chosen is None else own.at_least(chosen)


@dataclass(frozen=True, slots=True)
class _Answers:
    findings: tuple[Finding, ...]
    silent: tuple[str, ...] = ()
    """Names of moderators that could not say."""


class Screen:
    """
    Args:
        moderators: Asked all at once; the strictest wins. None of them: everything is let through.
        store: Knows what admins chose, and which channels are age-restricted.
    """

    def __init__(
        self,
        moderators: Sequence[Moderator] = (),
        house: House | None = None,
        store: Store | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._moderators = tuple(moderators)
        self.house = house or House()
        self._store = store
        self._observer = observer or NoObserver()
        self._restricted: dict[str, bool] = {}
        """Age restriction by channel, as far as it was looked up."""
        self._failing: dict[str, str] = {}
        """Moderators that could not say when they were last asked, and why."""

    # Looking

    async def check(self, subject: Subject, thread: ThreadKey, *, said: str = "", brought: bool = False) -> bool:
        """Whether what is let through has to be covered.

        Args:
            said: What led to the subject: where it shows or asks for something that nobody may be shown in, who it is
                about may stand there.
            brought: It is made from a picture that a person brought, which may be a photo of anybody.

        Raises:
            Moderated: it is refused; the sentence is the person's.
            StoreError: the policy of the place cannot be read.
        """
        answers = await self._answers(replace(subject, brought=brought), said)
        if brought and _bares(answers.findings, subject.kind):
            answers = replace(answers, findings=(*answers.findings, BARED))
        judgement = Judgement()
        if answers.findings:
            judgement = judge(answers.findings, await self.policy(thread), subject.kind)
            self._tell(judgement, subject.kind, thread)
        if judgement.verdict is Verdict.REFUSE and (category := judgement.category) is not None:
            raise Moderated(refusal(category, subject.kind))
        if answers.silent and self.house.closed:
            self._observer.judged(thread.chat, subject.kind, "unavailable", Verdict.REFUSE.name.lower())
            raise Moderated(UNAVAILABLE)
        return judgement.verdict is Verdict.SPOILER

    async def findings(self, subject: Subject, *, said: str = "") -> tuple[Finding, ...]:
        """What the moderators find, before any policy weighs it; `said` as for `check`."""
        return (await self._answers(subject, said)).findings

    async def _answers(self, subject: Subject, said: str) -> _Answers:
        """Where something demeans whoever it shows, who that is may stand in other words: they are read together."""
        answers = await self._ask(subject)
        if not any(demeaning(one) for one in answers.findings):
            return answers
        sexual = any(one.category is Category.SEXUAL for one in answers.findings)
        pictured = IN_WORDS if sexual and subject.picture is not None else ""
        if not (said.strip() or (pictured and subject.text)):
            return answers
        scene = "\n".join(filter(None, (subject.text, pictured, said.strip())))
        who = await self._ask(Subject(Kind.DESCRIPTION, scene))
        more = tuple(one for one in who.findings if one.category in SETTLED)  # what else was said is past
        return _Answers((*answers.findings, *more), answers.silent + who.silent)

    async def _ask(self, subject: Subject) -> _Answers:
        answers = await asyncio.gather(*(self._ask_one(one, subject) for one in self._moderators))
        silent = tuple(one.name for one, answer in zip(self._moderators, answers, strict=True) if answer is None)
        return _Answers(tuple(finding for answer in answers for finding in answer or ()), silent)

    async def _ask_one(self, moderator: Moderator, subject: Subject) -> Sequence[Finding] | None:
        """None where it cannot say."""
        try:
            findings = await moderator.look(subject)
        except ModeratorUnavailable as error:
            why = str(error)
            log.warning("the moderator %s cannot judge a %s: %s", moderator.name, subject.kind, why)
        except Exception as error:
            # A broken moderator must not let through what it was there to keep out.
            why = type(error).__name__
            log.exception("the moderator %s broke over a %s", moderator.name, subject.kind)
        else:
            self._failing.pop(moderator.name, None)
            return findings
        self._failing[moderator.name] = why
        self._observer.moderator_failed(moderator.name)
        return None

    def _tell(self, judgement: Judgement, kind: Kind, thread: ThreadKey) -> None:
        """The host, who may be asked why; the words themselves are nobody's business."""
        verdict = judgement.verdict.name.lower()
        for one in judgement.findings:
            log.info("moderation in %s: %s, %s for %s by %s: %s", thread, kind, verdict, one.category, one.by, one.why)
        for category in {one.category for one in judgement.findings}:
            self._observer.judged(thread.chat, kind, category, verdict)

    def refused_elsewhere(self, by: str, kind: Kind, thread: ThreadKey) -> None:
        """A language model or an endpoint refused by itself, and said it; told to the host like any other refusal."""
        log.info("moderation in %s: %s, refuse by %s", thread, kind, by)
        self._observer.judged(thread.chat, kind, "its own", Verdict.REFUSE.name.lower())

    # The place

    async def policy(self, thread: ThreadKey) -> Policy:
        """What holds in a thread.

        Raises:
            StoreError: it cannot be read.
        """
        return self.house.policy_of(await self.age_restricted(thread), await self._chosen(thread))

    async def floor(self, thread: ThreadKey, *, everywhere: bool = False) -> Level:
        """The loosest level that admins can choose for a thread's channel, or for all channels around it.

        Raises:
            StoreError: it cannot be read.
        """
        return self.house.floor(not everywhere and await self.age_restricted(thread))

    async def _chosen(self, thread: ThreadKey) -> Level | None:
        """What admins chose for the channel, else for the whole server or workspace."""
        if self._store is None:
            return None
        for scope in (thread.channel_scope, thread.tenant_scope):
            level = (await self._store.chosen(scope)).get(SETTING, "")
            if level in tuple(Level):
                return Level(level)
        return None

    async def seen(self, where: Whereabouts) -> None:
        """Somebody writes or clicks there: remember whether it is for adults alone, for answers after a restart too.

        Raises:
            StoreError: it cannot be read or written.
        """
        if await self.age_restricted(where.thread) == where.age_restricted or self._store is None:
            return
        scope = where.thread.channel_scope
        await self._store.choose(SCOPE + scope, {AGE: RESTRICTED if where.age_restricted else None})
        self._restricted[scope] = where.age_restricted

    async def age_restricted(self, thread: ThreadKey) -> bool:
        scope = thread.channel_scope
        if scope not in self._restricted:
            known = {} if self._store is None else await self._store.chosen(SCOPE + scope)
            self._restricted[scope] = known.get(AGE) == RESTRICTED
        return self._restricted[scope]

    # How it is

    async def problems(self) -> list[str]:
        """A sentence for each moderator that cannot say; those that failed are asked again."""
        failing = [moderator for moderator in self._moderators if moderator.name in self._failing]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_AGAIN_S):
                await asyncio.gather(*(self._ask_one(moderator, PROBE) for moderator in failing))
        then = "nothing is drawn until it does" if self.house.closed else "the others decide alone"
        return [f"The moderator {name} does not answer, so {then}: {why}" for name, why in self._failing.items()]
