"""The endpoint's language model from the settings: the same for answers and for doctor's question."""

from __future__ import annotations

from collections.abc import Callable

from bot.home import Home
from bot.llm.learnt import Learnt
from bot.llm.manner import RequestOptions
from bot.llm.model import OpenAILanguageModel
from bot.llm.patience import Patience
from bot.settings import Settings, extra_body
from prompts.profiles import profile_for


def endpoint_model(
    settings: Settings, home: Home, *, used: Callable[[int, int], None] = lambda prompt, completion: None
) -> OpenAILanguageModel:
    """Asks nothing of the network yet. What the endpoint refuses is kept in the home's cache."""
    return OpenAILanguageModel(
        settings.llm_base_url,
        settings.llm_model,
        settings.llm_api_key.get_secret_value(),
        profile=None if settings.llm_profile == "auto" else profile_for("", settings.llm_profile),
        patience=Patience(first_token_s=settings.llm_timeout_s, idle_s=settings.llm_timeout_s),
        context_tokens=settings.llm_context_tokens,
        options=RequestOptions(
            settings.llm_max_tokens,
            settings.llm_temperature,
            settings.llm_effort,
            settings.llm_system_role,
            extra_body(settings.llm_extra_body),
        ),
        learnt=Learnt(home.cache / "endpoints.json"),
        used=used,
    )
