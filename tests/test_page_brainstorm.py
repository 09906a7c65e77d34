"""A whole brainstorm on the page: three people in three browsers, three rounds, and a new program in each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browsing import MARKS, Visit, faults, visiting
from tests.handlers.brainstorm.rounds import directions

pytestmark = MARKS


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(tmp_path) as made:
        yield made


async def restart(visit: Visit) -> None:
    """Another program in the place of this one, at the same address; open pages find it by themselves."""
    site = visit.site
    site.address = replace(site.address, port=site.page.port)
    await site.stop()
    await site.start()


def round_on(page: Any, number: int) -> Any:
    return page.locator(".round").filter(has_text=f"— round {number}")


async def vote(page: Any, round: Any, *titles: str) -> None:
    for title in titles:
        button = round.locator(".idea").filter(has_text=title).locator(".vote")
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")


async def begun(visit: Visit, **fields: str) -> Any:
    """Somebody begins a brainstorm by the form."""
    page = await visit.open()
    visit.site.model.scripts.append(directions())
    await page.get_by_role("button", name="Brainstorm together…").click()
    await page.get_by_label("What shall the ideas be for?").fill("mascots for a bakery")
    for label, value in fields.items():
        box = page.locator(f"#brainstorm-dialog [name={label}]")
        await (box.select_option(value) if label == "anonymous" else box.fill(value))
    assert await faults(page) == []
    await visit.shot(page, "brainstorm-form")
    await page.get_by_role("button", name="Begin").click()
    await round_on(page, 1).locator(".vote").nth(3).wait_for()
    return page


async def test_three_people_hold_a_brainstorm_over_three_rounds_and_restarts(visit: Visit) -> None:
    anna = await begun(visit)
    ben, cleo = [await visit.guest() for _ in range(2)]
    first = [round_on(page, 1) for page in (anna, ben, cleo)]
    await vote(anna, first[0], "Flour fox", "Oven owl")
    await vote(ben, first[1], "Flour fox")
    await restart(visit)
    await vote(cleo, first[2], "Flour fox", "Bread bear")
    for one in first:
        await expect(one.locator(".state")).to_contain_text("3 people have voted")
        await expect(one.locator(".votes")).to_have_text(["3 votes", "1 vote", "1 vote", "0 votes"])
    # Who has no vote left is told what to do; one that is taken back can be given again.
    await expect(first[0].locator(".yours")).to_have_text("You have 0 votes left.")
    await first[0].locator(".vote").nth(3).click()
    await anna.get_by_text("press one of them again to have a vote back").wait_for()
    # Only who began it, or a moderator, goes on: the others are not even offered it.
    assert await first[1].locator(".round-row button").all_inner_texts() == ["State"]
    await first[0].get_by_role("button", name="Close vote").click()
    for one in first:
        await expect(one.locator(".winner h3")).to_have_text("Flour fox")
    await expect(first[2].locator(".winner .votes")).to_have_text("3 votes, one is yours")

    visit.site.model.scripts.append(directions(4, 4))
    await first[0].get_by_role("button", name="Next round").click()
    second = [round_on(page, 2) for page in (anna, ben, cleo)]
    for one in second:
        await one.locator(".vote").nth(1).wait_for()
    title = await second[0].locator(".idea h3").first.inner_text()
    await vote(ben, second[1], title)
    await restart(visit)
    await vote(cleo, second[2], title)
    await expect(second[0].locator(".votes").first).to_have_text("2 votes")
    await second[0].get_by_role("button", name="Close vote").click()
    await expect(second[1].locator(".winner h3")).to_have_text(title)

    visit.site.model.scripts.append(directions(4, 2))
    await second[0].get_by_role("button", name="Next round").click()
    third = [round_on(page, 3) for page in (anna, ben, cleo)]
    for one in third:
        await one.locator(".vote").nth(1).wait_for()
    title = await third[0].locator(".idea h3").first.inner_text()
    await vote(anna, third[0], title)
    await restart(visit)
    await expect(third[1].locator(".votes").first).to_have_text("1 vote")
    await third[0].get_by_role("button", name="Close vote").click()
    await third[0].get_by_role("button", name="Finish").click()
    for page in (anna, ben, cleo):
        await page.locator(".round").filter(has_text="the result").locator(".idea img").first.wait_for()
    await ben.reload()
    await expect(ben.locator(".round")).to_have_count(4)
    assert await ben.locator(".vote:visible").count() == 0
    await visit.shot(ben, "brainstorm-whole")
    await ben.locator("#open-board, [data-board]").first.click()
    await ben.get_by_label("Groups").select_option("round")
    await expect(ben.locator(".pinned h2")).to_have_count(4)


async def test_an_anonymous_vote_shows_nobody_but_oneself_whom_it_is_for(visit: Visit) -> None:
    anna = await begun(visit, anonymous="yes", votes="1", minutes="5")
    ben = await visit.guest()
    await vote(ben, round_on(ben, 1), "Oven owl")
    for page in (anna, ben):
        await expect(round_on(page, 1).locator(".state")).to_contain_text("1 person has voted")
        assert await round_on(page, 1).locator(".votes").all_inner_texts() == ["", "", "", ""]
    assert await anna.locator(".vote[aria-pressed=true]").count() == 0
    await ben.reload()
    await expect(ben.locator(".idea.mine h3")).to_have_text("Oven owl")
    await expect(round_on(ben, 1).locator(".clock")).to_contain_text("It closes in 4:")
    # Another tab of the same person knows it, too.
    twin = await visit.open(context=ben.context)
    await expect(twin.locator(".idea.mine h3")).to_have_text("Oven owl")
    await twin.locator(".idea.mine .vote").click()
    await expect(ben.locator(".idea.mine")).to_have_count(0)
    await round_on(anna, 1).get_by_role("button", name="Settings").click()
    await anna.locator("#brainstorm-dialog [name=votes]").fill("3")
    await anna.get_by_role("button", name="Change it").click()
    await expect(round_on(ben, 1).locator(".state")).to_contain_text("3 votes for each person")
    await round_on(anna, 1).get_by_role("button", name="State").click()
    await anna.locator("#show-dialog").get_by_text("You have 3 votes left.").wait_for()
