"""Language models at OpenAI-compatible endpoints: how they are asked, heard, and waited for."""

from bot.llm.hearing import CHARS_PER_TOKEN
from bot.llm.model import OpenAILanguageModel
from bot.llm.patience import Patience

__all__ = ["CHARS_PER_TOKEN", "OpenAILanguageModel", "Patience"]
