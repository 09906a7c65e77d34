"""The embedded model's weights without the trained adapter: the baselines of `easel eval protocol --untrained`.

`prompt` asks them as any large model is asked, by prompting alone: the iT2I system prompt with its few-shot turns, no
grammar. `format` gives them all that the trained model has (compact format, grammar, rules for references) and worked
examples instead of training. Weights, runtime and quantisation are the same in all three.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.home import Home
from bot.llm.embedded import EmbeddedLanguageModel
from bot.llm.embedded_server import CONTEXT_TOKENS
from bot.llm.model import OpenAILanguageModel
from handlers.ports import LanguageModel

KINDS = ("prompt", "format")
REPLY_TOKENS = 160
SHOTS = (
    ("User: draw a heron in the reeds", "image: a heron in the reeds"),
    ("1: a heron in the reeds\nUser: what do herons eat?", "reply"),
    ("1: a heron in the reeds\nUser: make it red", "edit 1 small: a red heron in the reeds"),
    ("1: a heron in the reeds\n2<1: a red heron in the reeds\nUser: undo", "select 1"),
    ("User: three logos for a bakery", "image x3: a logo for a bakery"),
    ("1*: a flat loaf\n2*: a round badge with a loaf\nUser: the second one", "select 2"),
    ("1*: a flat loaf\n2*: a round badge with a loaf\nUser: lovely, thank you!", "reply"),
    ("1: a sailor with a pipe\nUser: remove the pipe", "edit 1 small: a sailor"),
    ("1: a sailor with a pipe\nUser: in a storm", "edit 1 large: a sailor with a pipe in a storm"),
    ("1: a sailor with a pipe\n2: a lamp\nUser: more like the sailor", "variation 1"),
    ("1: a lamp\nUser: higher resolution please", "refine 1"),
    ("User: write a poem about lamps", "reply"),
)  # fmt: skip


async def untrained(home: Home, kind: str) -> tuple[LanguageModel, Callable[[], Awaitable[None]]]:
    """The model of one of `KINDS`, and how to let it go.

    Raises:
        LanguageModelError: when it cannot run here.
    """
    process = EmbeddedLanguageModel(home.models, adapter=None, shots=SHOTS, on_port=kind == "prompt")
    if kind == "format":
        return process, process.close
    at = await process.address()
    # The estimate of tokens is rough: leave room.
    model = OpenAILanguageModel(
        f"{at.url}/v1", "", at.key, context_tokens=CONTEXT_TOKENS - 128, max_tokens=REPLY_TOKENS, temperature=0
    )

    async def close() -> None:
        await model.close()
        await process.close()

    return model, close
