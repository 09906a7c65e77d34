"""`EASEL_LLM_EFFORT`: how hard a model thinks, under the name that each endpoint has for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bot.llm.endpoint import within

OFF: Final = frozenset({"none", "off", "disabled", "false", "0"})
_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384}
"""Tokens of thoughts, where an endpoint wants a number."""


def _switch(effort: str) -> dict[str, Any]:
    if effort in OFF:
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, "reasoning_effort": effort}


def _budget(effort: str) -> dict[str, Any]:
    if effort in OFF:
        return {}
    budget = _BUDGETS.get(effort, 4096)
    # The budget is part of the longest reply there, and a thinking model takes no temperature but its own.
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": budget + 1024, "temperature": None}


_HOSTED: Final[tuple[tuple[str, Callable[[str], dict[str, Any]]], ...]] = (
    ("openrouter.ai", lambda effort: {"reasoning": {"effort": "none" if effort in OFF else effort}}),
    ("anthropic.com", _budget),
    ("deepseek.com", _switch),
    ("bigmodel.cn", _switch),
    ("z.ai", _switch),
    ("moonshot.ai", _switch),
    ("moonshot.cn", _switch),
    ("volces.com", _switch),
    ("aliyuncs.com", lambda effort: {"enable_thinking": effort not in OFF}),
)


def effort_fields(effort: str, hostname: str, *, local: bool) -> dict[str, Any]:
    """Fields of the request's body. What a server does not know it ignores or refuses by name."""
    for domain, fields in _HOSTED:
        if within(hostname, domain):
            return fields(effort)
    wanted = "none" if effort in OFF else effort
    if local:  # vLLM, SGLang, llama.cpp hand these to the chat template
        return {
            "reasoning_effort": wanted,
            "chat_template_kwargs": {"enable_thinking": effort not in OFF, "reasoning_effort": wanted},
        }
    return {"reasoning_effort": wanted}
