"""The word rules with a host's own files."""

from __future__ import annotations

from pathlib import Path

from bot.home import Home
from bot.settings import Settings, SettingsError
from handlers.moderation.rule_files import RuleFileError
from handlers.moderation.words import WordRules


def folder(settings: Settings) -> Path:
    """Where a host's rule files lie.

    Raises:
        SettingsError: one was set, and is none.
    """
    if not settings.moderation_rules:
        return Home(settings.home).rules
    chosen = Path(settings.moderation_rules).expanduser()
    if not chosen.is_dir():
        raise SettingsError("EASEL_MODERATION_RULES is no folder; make it, or leave the setting empty.")
    return chosen


def word_rules(settings: Settings) -> WordRules:
    """
    Raises:
        SettingsError: a rule file is wrong; the sentence says which and what.
    """
    try:
        return WordRules.load(folder(settings))
    except RuleFileError as error:
        raise SettingsError(f"{error}\n  Mend them, or take them out of the folder.") from None
