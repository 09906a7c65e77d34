"""Any OpenAI-compatible chat endpoint as a `LanguageModel`.

Retries happen only before the first words have come; what came before a failure stays valid. What an endpoint
refuses about the way it is asked is asked otherwise, and remembered.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from bot.llm.context import Context, ask_context
from bot.llm.endpoint import Endpoint, within
from bot.llm.hearing import BROKE_OFF, EndpointRefused, Hearing, NothingCame
from bot.llm.holding import Holding
from bot.llm.learnt import Learnt
from bot.llm.line import Line
from bot.llm.manner import Manner, RequestOptions, adapted, body_of, first_manner
from bot.llm.patience import Patience
from bot.llm.refusals import Kind, Refusal, read_refusal
from handlers.errors import Declined, LanguageModelError
from prompts.profiles import Profile, profile_for
from prompts.request import LanguageRequest
from prompts.system import estimate_tokens

log = logging.getLogger(__name__)

MOST_ADAPTATIONS: Final = 10
UNNAMED: Final = "default"
"""The model's name where the host gave none and the endpoint lists none: servers of one model take any."""
_PARSED: Final = ("openai.com", "azure.com", "anthropic.com", "googleapis.com", "mistral.ai", "x.ai", "deepseek.com")
"""Hosted endpoints that keep thoughts apart and tell nothing of their context."""
_PATH: Final = re.compile(r"[/~.\\]|[A-Za-z]:[\\/]")
"""A model's name that is a path of the host; `owner/name` is none."""


@dataclass(slots=True)
class _Trial:
    """How one request is asked now; it is remembered once an answer has come."""

    manner: Manner
    budget: int
    """Tokens of prompt and reply."""
    adaptations: int = 0


class OpenAILanguageModel:
    """Streams replies of one model at one endpoint.

    Args:
        base_url: The endpoint, ending in `/v1` for most servers.
        model: The model's name there; empty takes the first that it lists.
        api_key: Empty for servers that want none.
        profile: The model's family; None finds it from the name.
        context_tokens: Budget of prompt and reply together; less where the endpoint takes less.
        max_tokens: The longest reply, in tokens.
        temperature: None leaves it to the endpoint.
        options: The same two and more; they win over `max_tokens` and `temperature`.
        learnt: What endpoints were found to refuse.
        used: Told of the tokens of each reply, read and written, where the endpoint counts them.
        sleep: Waits between tries; tests bring their own.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        api_key: str = "",
        *,
        profile: Profile | None = None,
        patience: Patience | None = None,
        context_tokens: int = 8000,
        max_tokens: int = 1024,
        temperature: float | None = 0.7,
        options: RequestOptions | None = None,
        learnt: Learnt | None = None,
        used: Callable[[int, int], None] = lambda prompt, completion: None,
        sleep: Callable[[float], Any] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._profile = profile
        self._patience = patience or Patience()
        self._endpoint = Endpoint(base_url, api_key, connect_s=self._patience.connect_s)
        self._line = Line(self._endpoint, self._patience, clock)
        self._context_tokens = context_tokens
        self._options = options or RequestOptions(max_tokens, temperature)
        self._learnt = learnt or Learnt(None)
        self._used = used
        self._sleep = sleep
        self._clock = clock
        self._key = api_key
        self._asked_again = False
        self._thinks = False
        self._context: Context | None = None
        self._asking: asyncio.Task[Context | None] | None = None

    instructable = True

    @property
    def name(self) -> str:
        """What people may call it; never its address, and of a file only its name (llama.cpp lists whole paths)."""
        if _PATH.match(self._model):
            return re.split(r"[\\/]", self._model.rstrip("\\/"))[-1]
        return self._model or "the language model"

    @property
    def manner(self) -> Manner:
        """How it is asked now, as far as it is known."""
        return self._learnt.get(self._endpoint.url(""), self._model) or first_manner(self._model, parsed=self._parsed)

    @property
    def thinks(self) -> bool:
        """Whether thoughts came with what it has said so far."""
        return self._thinks

    async def context(self) -> Context | None:
        """What the endpoint tells of its context; None when it does not."""
        await self._ask_context()
        return self._context

    @property
    def _parsed(self) -> bool:
        return within(self._endpoint.hostname, *_PARSED)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
            self._asking = None
        await self._endpoint.close()

    async def list_models(self) -> list[str]:
        """The names of the models that the endpoint offers.

        Raises:
            LanguageModelError: it cannot be reached or refuses.
        """
        try:
            async with asyncio.timeout(self._patience.first_token_s):
                status, body = await self._endpoint.ask("models")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("%s cannot be asked for its models: %s", self._endpoint.host, _cause(error))
            raise LanguageModelError(Kind.UNREACHABLE.value) from error
        if status in (404, 405, 501):
            log.info("%s does not list its models", self._endpoint.host)
            return []
        if status != 200:
            raise LanguageModelError(self._told(read_refusal(status, body)))
        rows = body.get("data", body.get("models")) if isinstance(body, dict) else body
        if not isinstance(rows, list):
            raise LanguageModelError(Kind.ADDRESS.value)
        names = [row.get("id") or row.get("name") for row in rows if isinstance(row, dict)]
        return [name for name in names if isinstance(name, str)]

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        """The reply in chunks, as they come; see `handlers.ports.LanguageModel`."""
        if not self._endpoint.key_fits:
            log.error("EASEL_LLM_API_KEY has characters that no key has (quotes, blanks or line breaks); copy it again")
            raise LanguageModelError(Kind.KEY.value)
        await self._choose_model()
        await self._ask_context()
        trial = _Trial(self._first_manner(), self._budget())
        attempt = 1
        while True:
            hearing = self._hearing(request, trial.manner)
            try:
                async for words in self._once(self._body(request, trial), hearing):
                    yield words
                self._remember(trial.manner, hearing, whole=True)
                return
            except EndpointRefused as refused:
                if self._adapt(trial, refused.refusal):
                    continue
                sentence, wait = self._told(refused.refusal), refused.refusal.wait_s
                if refused.refusal.kind is Kind.DECLINED:
                    raise Declined(sentence) from refused
                if not refused.refusal.kind.passing or attempt >= self._patience.tries:
                    raise LanguageModelError(sentence) from refused
            except NothingCame as error:
                if attempt > 1:
                    raise LanguageModelError(str(error)) from error
                sentence, wait = str(error), 0.0
            except LanguageModelError:
                self._remember(trial.manner, hearing)
                raise
            finally:
                self._thinks = self._thinks or hearing.thought
                hearing.count()
                if self._context is None and not hearing.ended:
                    self._asking = None  # it may not have been there to be asked
            log.warning("asking %s again: %s", self.name, sentence)
            await self._sleep(self._patience.wait(attempt, wait))
            attempt += 1

    async def _choose_model(self) -> None:
        if not self._model:
            self._model = (await self.list_models() or [UNNAMED])[0]

    async def _ask_context(self) -> None:
        """Ask once, all who wait together; where the answer was a guess, again once the model is loaded."""
        if self._parsed:
            return
        if self._asking is None:
            self._asking = asyncio.create_task(ask_context(self._endpoint, self._model), name="context size")
        self._context = await asyncio.shield(self._asking)

    def _first_manner(self) -> Manner:
        """As it is known; where nobody knows of thoughts, the chat template's word counts."""
        manner = self.manner
        likely = self._context is not None and self._context.template_thinks
        return replace(manner, opens=True) if manner.opens is None and likely else manner

    def _budget(self) -> int:
        known = [self._context_tokens, self._context and _with_margin(self._context.tokens), self.manner.context]
        return min(tokens for tokens in known if tokens)

    def _hearing(self, request: LanguageRequest, manner: Manner) -> Hearing:
        return Hearing(
            Holding(manner.opens, self._clock),
            max_tokens=min(request.max_tokens, self._options.max_tokens),
            silent=self._patience.silent_tokens,
            used=self._used,
        )

    def _body(self, request: LanguageRequest, trial: _Trial) -> dict[str, Any]:
        return body_of(
            request,
            self._model,
            self._profile or profile_for(self._model),
            trial.manner,
            self._options,
            hostname=self._endpoint.hostname,
            local=self._endpoint.local,
            context_tokens=trial.budget,
        )

    def _adapt(self, trial: _Trial, refusal: Refusal) -> bool:
        """Whether there is another way to ask; `trial` is it then."""
        trial.adaptations += 1
        if trial.adaptations > MOST_ADAPTATIONS:
            return False
        if refusal.kind is Kind.OVERFLOW:
            return self._shorten(trial, refusal)
        other = adapted(trial.manner, refusal)
        if other is None or other == trial.manner:
            return False
        log.info("%s refuses (%s); asked otherwise: %s", self._endpoint.host, self._words(refusal), _changes(other))
        trial.manner = other
        return True

    def _shorten(self, trial: _Trial, refusal: Refusal) -> bool:
        """The context size where it is told (less than before in any case), else half of what was sent."""
        body = refusal.asked
        spent = sum(estimate_tokens(str(message["content"])) for message in body.get("messages", ()))
        reply = next((int(body[name]) for name in ("max_tokens", "max_completion_tokens") if body.get(name)), 0)
        if refusal.limit is None:
            trial.budget = min(trial.budget, spent + reply) // 2
        else:
            trial.budget = min(_with_margin(refusal.limit), trial.budget * 3 // 4)
        trial.manner = replace(trial.manner, context=trial.budget)
        log.info(
            "%s takes less than was sent (%s); asked with %d tokens",
            self._endpoint.host,
            self._words(refusal),
            trial.budget,
        )
        return trial.budget >= 400

    def _remember(self, manner: Manner, hearing: Hearing, *, whole: bool = False) -> None:
        """Keep how it was asked, once words have come or only their end was wrong. Only a reply that is whole shows
        that no closing mark of thoughts comes."""
        opens = True if hearing.lone else False if whole and hearing.begun and not hearing.endless else manner.opens
        if hearing.begun or hearing.lone or hearing.ended:
            self._learnt.put(self._endpoint.url(""), self._model, replace(manner, opens=opens))
        if self._context is not None and not self._context.sure and not self._asked_again:
            self._asking, self._asked_again = None, True  # it is loaded now and tells its true size

    async def _once(self, body: dict[str, Any], hearing: Hearing) -> AsyncIterator[str]:
        """One try: pieces of text. `EndpointRefused` and `NothingCame` only before the first of them."""
        try:
            async for pieces in self._line.heard(body, hearing):
                for piece in pieces:
                    yield piece
            for piece in hearing.close():
                yield piece
        except (EndpointRefused, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            for piece in hearing.close(broken=True):
                yield piece
            raise self._failed(error, body, begun=hearing.begun) from error
        hearing.conclude()

    def _failed(self, error: Exception, body: dict[str, Any], *, begun: bool) -> Exception:
        """What a failure is for whoever asked; the log has the rest."""
        if begun:
            cause = self._words(error.refusal) if isinstance(error, EndpointRefused) else _cause(error)
            log.warning("the stream of %s broke: %s", self.name, cause)
            return LanguageModelError(BROKE_OFF)
        if isinstance(error, EndpointRefused):
            return EndpointRefused(replace(error.refusal, asked=body))
        if isinstance(error, TimeoutError):
            log.warning("%s said nothing for %g s", self._endpoint.host, self._patience.first_token_s)
            return LanguageModelError(Kind.SLOW.value)
        log.warning("%s cannot be reached: %s", self._endpoint.host, _cause(error))
        return EndpointRefused(Refusal(Kind.UNREACHABLE, 0))

    def _told(self, refusal: Refusal) -> str:
        """The sentence for people; the host reads the endpoint's own in the log."""
        words = "" if refusal.kind is Kind.DECLINED else self._words(refusal)
        log.warning("%s refuses: %s, status %d: %s", self._endpoint.host, refusal.kind.name, refusal.status, words)
        return refusal.sentence(self.name)

    def _words(self, refusal: Refusal) -> str:
        return refusal.words(self._key)


def _with_margin(tokens: int) -> int:
    """Tokens are estimated, and a chat template adds some of its own."""
    return tokens * 19 // 20 - 16


def _changes(manner: Manner) -> str:
    return "; ".join(manner.changes()) or "as usual"


def _cause(error: BaseException) -> str:
    """What went wrong, without an address."""
    strerror = getattr(getattr(error, "os_error", error), "strerror", None)
    return f"{type(error).__name__}: {strerror}" if strerror else type(error).__name__
