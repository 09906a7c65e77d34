"""Quotas: what rules mean, who shares them, when they renew, and that nothing is counted twice or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import QuotaUsedUp
from handlers.model import CommandCall, Person, ThreadKey
from handlers.quota import Quota
from handlers.quota_rules import Amounts, Rule, Sharers, Unit, read_rules, rules_for, share_key, span
from tests.fakes import ANNA, BEN, THREAD, words
from tests.handlers.conftest import World

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE = Amounts(1, 2.0, 0.04)
LEAD = replace(ANNA, roles=("lead", "staff"))
HALL = replace(THREAD, channel="hall")


class Book:
    """Spendings in memory, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOON
        self.made: list[tuple[datetime, ThreadKey, Person, Amounts]] = []

    def make(self, ago: timedelta = timedelta(), thread: ThreadKey = THREAD, person: Person = ANNA) -> None:
        self.made.append((self.now - ago, thread, person, ONE))

    async def spendings(self, sharers: Sharers, key: str, since: datetime) -> Sequence[tuple[datetime, Amounts]]:
        mine = [(at, amounts) for at, thread, person, amounts in self.made if share_key(sharers, thread, person) == key]
        return sorted((at, amounts) for at, amounts in mine if at >= since)

    async def spent(self, sharers: Sharers, key: str, since: datetime) -> Amounts:
        return sum((amounts for _, amounts in await self.spendings(sharers, key, since)), Amounts())

    async def spend(self, thread: ThreadKey, person: Person, amounts: Amounts, at: datetime) -> None:
        self.made.append((at, thread, person, amounts))

    def quota(self, rules: str) -> Quota:
        return Quota(self, read_rules(rules), lambda: self.now)


async def refusal(quota: Quota, count: int = 1, thread: ThreadKey = THREAD, person: Person = ANNA) -> str:
    with pytest.raises(QuotaUsedUp) as told:
        await quota.take(thread, person, [ONE] * count)
    return str(told.value)


# Rules


def test_a_line_of_rules_is_read() -> None:
    text = (
        "40 pictures a day per person; 6 pictures in 10 min per person; 100 pictures a day per role 8123; "
        "200 pictures a day per channel; 3600 s a day per workspace; 5 USD a day per workspace;"
    )
    assert read_rules(text) == (
        Rule(Sharers.PERSON, Unit.PICTURES, 40),
        Rule(Sharers.PERSON, Unit.PICTURES, 6, timedelta(minutes=10)),
        Rule(Sharers.PERSON, Unit.PICTURES, 100, None, "8123"),
        Rule(Sharers.CHANNEL, Unit.PICTURES, 200),
        Rule(Sharers.WORKSPACE, Unit.SECONDS, 3600),
        Rule(Sharers.WORKSPACE, Unit.MONEY, 5, currency="USD"),
    )
    assert read_rules("") == ()


def test_everything_that_is_counted_can_be_limited_for_all_and_not_at_all() -> None:
    text = "60 messages in 1 min in all; 6000 calls a day in all; 2 GB a day per person; 500 MB in 1 h in all"
    assert read_rules(f"{text}; unlimited calls in 1 h per role 9") == (
        Rule(Sharers.ALL, Unit.MESSAGES, 60, timedelta(minutes=1)),
        Rule(Sharers.ALL, Unit.CALLS, 6000),
        Rule(Sharers.PERSON, Unit.BYTES, 2e9),
        Rule(Sharers.ALL, Unit.BYTES, 5e8, timedelta(hours=1)),
        Rule(Sharers.PERSON, Unit.CALLS, math.inf, timedelta(hours=1), "9"),
    )


async def test_no_limit_for_a_role_is_none_and_is_not_told(world: World) -> None:
    world.tune("1 calls a day per person; unlimited calls a day per role lead")
    for at in range(3):
        assert "Hello" in words(await world.say(f"a{at}", "Hello.", person=LEAD))
    assert "There is no limit." in (await world.desk.command(CommandCall("u", THREAD, LEAD, "usage"))).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("many pictures", "no quota: 'many pictures'"),
        ("-4 pictures a day per person", "no quota"),
        ("4 pictures a week per person", "no quota"),
        ("4 pictures in 0 min per person", "between 1 s and 31 d"),
        ("4 pictures in 99 d per person", "between 1 s and 31 d"),
        ("1 USD a day per person; 1 EUR a day per channel", "several currencies (EUR, USD)"),
    ],
)
def test_what_is_no_rule_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError) as told:
        read_rules(text)
    assert said in str(told.value)


@given(st.text(max_size=60))
def test_any_text_is_rules_or_a_sentence(text: str) -> None:
    told = ""
    try:
        read_rules(text)
    except ValueError as error:
        told = str(error)
    assert len(told) < 300


def test_a_role_replaces_the_persons_rule_and_the_most_generous_role_counts() -> None:
    rules = read_rules(
        "4 pictures a day per person; 2 pictures in 1 h per person; 9 pictures a day per role staff; "
        "20 pictures a day per role lead; 50 pictures a day per channel"
    )
    assert {rule.amount for rule in rules_for(rules, ANNA)} == {4, 2, 50}
    assert {rule.amount for rule in rules_for(rules, LEAD)} == {20, 2, 50}
    assert {rule.amount for rule in rules_for(rules, replace(ANNA, roles=("staff",)))} == {9, 2, 50}


def test_a_role_can_also_be_held_shorter() -> None:
    rules = read_rules("4 pictures a day per person; 1 pictures a day per role guest")
    assert [rule.amount for rule in rules_for(rules, replace(ANNA, roles=("guest",)))] == [1]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "1 s"), (59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (86_400, "1 d"), (90_060, "1 d 1 h 1 min")],
)
def test_times_are_told(seconds: int, told: str) -> None:
    assert span(timedelta(seconds=seconds)) == told


# At the limit


async def test_a_day_renews_at_midnight() -> None:
    book = Book()
    quota = book.quota("3 pictures a day per person")
    for _ in range(3):
        book.make(timedelta(hours=1))
    book.make(timedelta(hours=13))  # yesterday
    told = await refusal(quota)
    assert told == "You have used your 3 pictures of today; there are new ones in 12 h (at 00:00 UTC)."
    book.now += timedelta(hours=12)
    assert len(await quota.take(THREAD, ANNA, [ONE] * 3)) == 3


async def test_a_burst_renews_when_the_oldest_has_fallen_out() -> None:
    book = Book()
    quota = book.quota("3 pictures in 10 min per person")
    for minutes in (9, 4, 1):
        book.make(timedelta(minutes=minutes))
    assert await refusal(quota) == "You have used your 3 pictures of 10 min; there are new ones in 1 min."
    assert "there are new ones in 6 min" in await refusal(quota, 2)
    book.now += timedelta(seconds=61)
    assert len(await quota.take(THREAD, ANNA, [ONE])) == 1


async def test_what_is_left_is_told_when_it_is_too_little() -> None:
    book = Book()
    quota = book.quota("5 pictures a day per person")
    book.make()
    told = await refusal(quota, 5)
    assert told.startswith("You have 4 of 5 pictures a day left, and this needs more")
    assert await refusal(quota, 6) == "At most 5 pictures a day are allowed, and this needs 6 pictures; ask for less."


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("2 pictures a day per channel", "This channel has used its 2 pictures of today"),
        ("2 pictures a day per workspace", "This workspace has used its 2 pictures of today"),
        ("4 s a day per workspace", "This workspace has used its 4 s of the device of today"),
        ("0.08 USD a day per person", "You have used your 0.08 USD of today"),
        ("2 pictures a day per role lead", "You have used your 2 pictures of today"),
    ],
)
async def test_every_kind_of_quota_is_kept(rules: str, told: str) -> None:
    book = Book()
    quota = book.quota(rules)
    for share in await quota.take(THREAD, LEAD, [ONE] * 2):
        book.make(person=LEAD)
        quota.give_back(share)
    assert (await refusal(quota, person=LEAD)).startswith(told)


async def test_others_are_not_held_to_it() -> None:
    book = Book()
    quota = book.quota("1 pictures a day per person; 2 pictures a day per channel")
    book.make()
    assert await quota.take(THREAD, BEN, [ONE])
    assert "This channel" in await refusal(quota, person=Person("u9", "Cleo"))
    assert "You have used" in await refusal(quota, thread=HALL)
    assert await quota.take(HALL, BEN, []) == []


# Under way


async def test_what_is_under_way_counts_and_comes_back_once() -> None:
    quota = Book().quota("2 pictures a day per person; 4 s a day per channel")
    first, second = await quota.take(THREAD, ANNA, [ONE, ONE])
    assert "You have used" in await refusal(quota)
    quota.give_back(first)
    quota.give_back(first)
    assert len(await quota.take(THREAD, ANNA, [ONE])) == 1
    assert "You have used" in await refusal(quota)
    quota.give_back(second)
    assert await quota.take(THREAD, ANNA, [ONE])


async def test_a_picture_that_is_stored_while_it_is_asked_is_counted_in_one_place() -> None:
    book = Book()
    quota = book.quota("1 pictures a day per person")
    [share] = await quota.take(THREAD, ANNA, [ONE])
    honest = book.spent

    async def spent(sharers: Sharers, key: str, since: datetime) -> Amounts:
        before = await honest(sharers, key, since)
        if share.held:  # between this look and the next it is stored and given back
            book.make()
            quota.give_back(share)
        return before

    book.spent = spent  # type: ignore[method-assign]
    assert "You have used" in await refusal(quota)


async def test_failed_and_cancelled_pictures_cost_nothing(world: World) -> None:
    world.tune("2 pictures in 1 h per person; 5 USD a day per workspace", picture_price=2.0)
    world.pictures.fail_words["cat"] = "The endpoint's moderation refused this description."
    for at in range(4):
        assert "moderation" in words(await world.say(f"a{at}", "<image> a cat </image>"))
    await world.say("b", "<image> a fox </image>")
    await world.say("c", "<image> a fox </image>")
    assert "used your 2 pictures of 1 h" in words(await world.say("d", "<image> a fox </image>"))
    told = words(await world.say("e", "<image> an owl </image>", person=BEN))
    assert "This workspace has 1.00 of 5.00 USD a day left" in told
