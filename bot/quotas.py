"""Which quotas hold: the host's, and where the host says nothing what a team does not notice and a flood does."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.settings import Settings, loopback, prices
from handlers.limits import Limits
from handlers.quota_rules import Rule, Sharers, Unit, read_rules, with_defaults
from imaging.engine_table import ENGINES

OTHERS_COME = "60 messages in 1 min per person; 600 messages in 1 min in all; 2 GB a day per person; 20 GB a day in all"
CALLS = "600 calls in 1 h per person; 6000 calls a day in all"
PAID_PICTURES = "200 pictures a day per person; 1000 pictures a day in all"


def quotas(settings: Settings, others: bool) -> tuple[Rule, ...]:
    """All quotas: those of both settings, and the defaults for units and sharers that these do not name.

    Args:
        others: Whether anybody but who sits at the machine can come (`bot.app.others_come`).
    """
    rules = read_rules(settings.quotas)
    if settings.pictures_per_day:
        rules = (Rule(Sharers.PERSON, Unit.PICTURES, settings.pictures_per_day), *rules)
    return with_defaults(rules, read_rules("; ".join(_defaults(settings, others))))


def limits(settings: Settings, others: bool) -> Limits:
    """What the handlers are told of them."""
    return Limits(
        message_chars=settings.max_message_chars,
        pictures_per_reply=settings.max_pictures_per_reply,
        quotas=quotas(settings, others),
        picture_price=settings.picture_price,
        engine_prices=prices(settings.engine_prices),
        call_price=settings.call_price,
        reports_to_hide=settings.moderation_reports,
        answers_at_once=settings.answers_at_once,
        answers_per_person=settings.answers_per_person,
    )


def must_be_bounded(settings: Settings, others: bool) -> set[Unit]:
    """What others, or a bill, could make too much of."""
    return {rule.unit for rule in read_rules("; ".join(_defaults(settings, others)))}


def _defaults(settings: Settings, others: bool) -> list[str]:
    defaults = [OTHERS_COME] if others else []
    if others or _elsewhere(settings.llm_base_url):
        defaults.append(CALLS)
    addresses = [address for name in settings.engines if (address := ENGINES[name].address)]
    if any(others or _elsewhere(getattr(settings, address)) for address in addresses):
        defaults.append(PAID_PICTURES)
    return defaults


def _elsewhere(address: str) -> bool:
    """Whether an endpoint is on another machine, so that somebody may send a bill."""
    return bool(address) and not loopback(urlsplit(address).hostname or "")
