"""Any OpenAI-compatible chat endpoint as a `LanguageModel`.

Retries happen only before the first words have come; what came before a failure stays valid. The SDK
is imported on first use: it is slow to load.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.errors import LanguageModelError
from prompts.profiles import Profile, profile_for
from prompts.request import LanguageRequest
from prompts.system import render_messages

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

log = logging.getLogger(__name__)

MAX_STOPS: Final = 4
"""As many stop strings as OpenAI's API takes."""
CHARS_PER_TOKEN: Final = 8
"""No tokenizer gives more characters a token on average: beyond this an answer is endless."""

_REASONING = re.compile(r"(?:openai/)?(?:o\d|gpt-5)(?:\b|[.-])", re.IGNORECASE)
"""Models that take `max_completion_tokens` and neither temperature nor stop strings."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and counts. Waits for a busy endpoint are bounded by `longest_wait_s` each."""

    connect_s: float = 10.0
    first_token_s: float = 60.0
    idle_s: float = 60.0
    tries: int = 3
    backoff_s: float = 0.5
    longest_wait_s: float = 20.0


class _TryAgain(Exception):
    """Nothing has come yet and asking again may help."""

    def __init__(self, sentence: str, wait_s: float | None = None) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class OpenAILanguageModel:
    """Streams replies of one model at one endpoint.

    Args:
        base_url: The endpoint, ending in `/v1` for most servers.
        model: The model's name there; empty takes the first that it lists.
        api_key: Empty for servers that want none.
        profile: The model's family; None finds it from the name.
        context_tokens: Budget of prompt and reply together.
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
        used: Callable[[int, int], None] = lambda prompt, completion: None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._profile = profile
        self._patience = patience or Patience()
        self._context_tokens = context_tokens
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._used = used
        self._counts = True
        self._sleep = sleep
        self._sdk: AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        return self._model or f"the model at {self._base_url}"

    async def close(self) -> None:
        if self._sdk is not None:
            await self._sdk.close()
            self._sdk = None

    def _client(self) -> AsyncOpenAI:
        if self._sdk is None:
            from openai import AsyncOpenAI, Timeout

            wait = max(self._patience.first_token_s, self._patience.idle_s)
            self._sdk = AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key or "none",
                max_retries=0,
                timeout=Timeout(wait, connect=self._patience.connect_s),
            )
        return self._sdk

    async def list_models(self) -> list[str]:
        """The names of the models that the endpoint offers.

        Raises:
            LanguageModelError: it cannot be reached or refuses.
        """
        import openai

        try:
            async with asyncio.timeout(self._patience.first_token_s):
                page = await self._client().models.list()
        except openai.APIStatusError as error:
            raise LanguageModelError(self._refused(error)) from error
        except (openai.OpenAIError, TimeoutError, ValueError) as error:
            raise LanguageModelError(self._unreachable()) from error
        return [model.id for model in page.data or ()]

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        """The reply in chunks, as they come; see `handlers.ports.LanguageModel`."""
        model = await self._chosen_model()
        arguments = self._arguments(request, model)
        limit = min(request.max_tokens, self._max_tokens) * CHARS_PER_TOKEN
        for attempt in range(1, self._patience.tries + 1):
            length = 0
            try:
                async for words in self._once(arguments):
                    yield words[: limit - length]
                    length += len(words)
                    if length >= limit:
                        log.warning("an endless answer of %s was cut at %d characters", model, limit)
                        return
                if length:
                    return
                raise _TryAgain("The language model gave an empty answer; please ask again.", 0.0)
            except _TryAgain as error:
                empty_twice = error.wait_s == 0.0 and attempt > 1
                if attempt == self._patience.tries or empty_twice:
                    raise LanguageModelError(str(error)) from error
                log.warning("asking %s again: %s", model, error)
                await self._sleep(self._wait(attempt, error.wait_s))

    async def _chosen_model(self) -> str:
        if not self._model:
            names = await self.list_models()
            if not names:
                raise LanguageModelError(f"{self._base_url} lists no model; set EASEL_LLM_MODEL to one that it has.")
            self._model = names[0]
        return self._model

    def _arguments(self, request: LanguageRequest, model: str) -> dict[str, Any]:
        profile = self._profile or profile_for(model)
        max_tokens = min(request.max_tokens, self._max_tokens)
        arguments: dict[str, Any] = {
            "model": model,
            "messages": render_messages(request, profile, max(256, self._context_tokens - max_tokens)),
            "stream": True,
        }
        reasons = _REASONING.match(model) is not None
        arguments["max_completion_tokens" if reasons else "max_tokens"] = max_tokens
        stops = list(dict.fromkeys((*request.stop, *profile.stop)))[:MAX_STOPS]
        if stops and not reasons:
            arguments["stop"] = stops
        if self._counts:
            arguments["stream_options"] = {"include_usage": True}
        if self._temperature is not None and not reasons:
            arguments["temperature"] = self._temperature
        return arguments

    def _wait(self, attempt: int, told_s: float | None) -> float:
        """Seconds until the next try: what the endpoint told, else growing with jitter."""
        if told_s is not None:
            return min(told_s, self._patience.longest_wait_s)
        grown = self._patience.backoff_s * 2.0 ** (attempt - 1)
        return min(grown * random.uniform(0.5, 1.5), self._patience.longest_wait_s)

    async def _once(self, arguments: dict[str, Any]) -> AsyncIterator[str]:
        """One try: pieces of text. `_TryAgain` only before the first of them."""
        import openai

        begun = False
        stream = None
        try:
            async with asyncio.timeout(self._patience.first_token_s):
                stream = await self._client().chat.completions.create(**arguments)
            chunks = aiter(stream)
            while True:
                wait = self._patience.idle_s if begun else self._patience.first_token_s
                async with asyncio.timeout(wait):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                if chunk.usage is not None:
                    self._used(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
                words = _words(chunk)
                if words:
                    begun = True
                    yield words
        except openai.APIStatusError as error:
            if error.status_code in (400, 422) and arguments.pop("stream_options", None):
                self._counts = False  # older servers do not know the question
                raise _TryAgain(self._refused(error), 0.001) from error
            self._raise_refusal(error, begun=begun)
        except TimeoutError as error:
            raise self._failure(
                "The language model is taking too long; please try again later.", begun, error
            ) from error
        except (openai.OpenAIError, ValueError) as error:
            raise self._failure(self._unreachable(), begun, error) from error
        except Exception as error:  # the transport's own errors pass through the SDK while it streams
            if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "httpcore", "httpcore2", "anyio"):
                raise
            raise self._failure(self._unreachable(), begun, error) from error
        finally:
            if stream is not None:
                with suppress(Exception):
                    await stream.close()

    def _failure(self, sentence: str, begun: bool, error: BaseException) -> Exception:
        if begun:
            log.warning("the stream of %s broke: %r", self.name, error)
            return LanguageModelError("The language model broke off in the middle of its answer; please ask again.")
        return _TryAgain(sentence)

    def _raise_refusal(self, error: APIStatusError, *, begun: bool) -> None:
        sentence = self._refused(error)
        if not begun and (error.status_code in (408, 429) or error.status_code >= 500):
            raise _TryAgain(sentence, _retry_after(error)) from error
        raise LanguageModelError(sentence) from error

    def _refused(self, error: APIStatusError) -> str:
        # What it says may repeat what it was sent.
        log.warning("%s answered %d (%s)", self._base_url, error.status_code, error.code or error.type)
        log.debug("it says: %s", str(error)[:300])
        match error.status_code:
            case 401 | 403:
                return "The language model's endpoint refuses the key; check EASEL_LLM_API_KEY."
            case 404:
                return (
                    f'The endpoint has no model "{self._model}"; check EASEL_LLM_MODEL and EASEL_LLM_BASE_URL '
                    "(easel doctor lists the models)."
                )
            case 429:
                return "The language model is busy or its quota is used up; please try again in a minute."
            case 400 | 413 | 422:
                return "The language model's endpoint did not take the request; easel doctor checks the settings."
            case _:
                return (
                    f"The language model's endpoint has a problem (status {error.status_code}); please try again later."
                )

    def _unreachable(self) -> str:
        return f"The language model at {self._base_url} cannot be reached; check EASEL_LLM_BASE_URL."


def _words(chunk: Any) -> str:
    """The text of one streamed chunk; chunks with usage or a role only have none."""
    if not chunk.choices:
        return ""
    delta = chunk.choices[0].delta
    return (delta.content or "") if delta is not None else ""


def _retry_after(error: APIStatusError) -> float | None:
    """Seconds that the endpoint asked to wait, where it told a sensible number."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.001, seconds) if seconds < 1e6 else None
