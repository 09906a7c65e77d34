"""Every call of the language model for a person goes through here: it is counted, and so many run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from handlers.at_once import AtOnce
from handlers.errors import CallsUsedUp, LanguageModelError, QuotaUsedUp, StoreError
from handlers.model import Person, ThreadKey
from handlers.ports import LanguageModel
from handlers.quota import Quota
from handlers.quota_rules import Amounts
from prompts.request import LanguageRequest


class Asking:
    """The language model on one person's account, for one answer; implements `handlers.ports.LanguageModel`.

    An answer has one room, whatever it asks meanwhile: a description that is written out while the answer streams
    must not wait for the answer's own end.
    """

    def __init__(
        self,
        model: LanguageModel,
        quota: Quota,
        at_once: AtOnce,
        thread: ThreadKey,
        person: Person,
        refused: Callable[[ThreadKey, Person, Exception], Awaitable[None]],
        price: float = 0.0,
    ) -> None:
        """
        Args:
            refused: Writes down that somebody was told no.
            price: Of one call, in the currency of the quotas.
        """
        self._model = model
        self._quota = quota
        self._at_once = at_once
        self._thread = thread
        self._person = person
        self._refused = refused
        self._one = Amounts(money=price, calls=1)
        self._has_room = False

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def instructable(self) -> bool:
        return self._model.instructable

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        """As the model's own; a call that fails before its first word costs nothing.

        Raises:
            CallsUsedUp: no more calls.
            LanguageModelError: as the model's, or the calls cannot be counted.
        """
        async with AsyncExitStack() as stack:
            if not self._has_room:
                await stack.enter_async_context(self._at_once.room(self._person.account_in(self._thread.chat)))
                self._has_room = True
                stack.callback(self._give_up_room)
            await self._count()
            came = False
            stream = self._model.stream(request)
            aclose = getattr(stream, "aclose", None)
            if aclose is not None:
                stack.push_async_callback(aclose)  # at once, also when the answer is left early
            try:
                async for chunk in stream:
                    came = True
                    yield chunk
            except LanguageModelError:
                if not came:
                    with suppress(StoreError):  # the model's own sentence matters more
                        await self._quota.take_back(self._thread, self._person, self._one)
                raise

    async def _count(self) -> None:
        try:
            await self._quota.spend(self._thread, self._person, self._one)
        except QuotaUsedUp as error:
            await self._refused(self._thread, self._person, error)
            raise CallsUsedUp(str(error)) from error
        except StoreError as error:
            raise LanguageModelError(str(error)) from error

    def _give_up_room(self) -> None:
        self._has_room = False
