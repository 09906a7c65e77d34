"""The chats show where links lead: the page by its own script, Slack and Discord by what is sent to them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chats.discord.outgoing.layout import layout
from bot.chats.discord.outgoing.render import render
from bot.chats.slack.outgoing import markdown, markup
from handlers.links import lies
from handlers.model import NoticePart, Reply, TextPart, ThreadKey
from tests.links import ADDRESSES, LINKS, Link
from tests.peers.emulate_slack import Unavailable, node

STATIC = Path(__file__).parents[2] / "bot" / "chats" / "web" / "static"
SCRIPT = """
const words = (node) => typeof node === "string" ? node : node.children.map(words).join("");
const links = (node) => typeof node === "string" ? [] :
  [...(node.tag === "a" ? [[node.href, words(node)]] : []), ...node.children.flatMap(links)];
globalThis.document = { createElement: (tag) => ({ tag, children: [],
  setAttribute(name, value) { this[name] = value; },
  append(...more) { this.children.push(...more); },
  replaceChildren(...more) { this.children = more; } }) };
const { render } = await import(process.argv[1]);
let input = "";
for await (const chunk of process.stdin) input += chunk;
const shown = JSON.parse(input).map((text) => {
  const target = document.createElement("div");
  render(target, text);
  return [words(target), links(target)];
});
console.log(JSON.stringify(shown));
"""
"""The page's own script over a document that only keeps what it is given."""


@pytest.fixture(scope="module")
def page() -> dict[str, tuple[str, list[list[str]]]]:
    """What the page shows of each text: its words, and its links as (address, words)."""
    try:
        command = [str(node()), "--input-type=module", "-e", SCRIPT, (STATIC / "markdown.js").as_uri()]
    except Unavailable as error:
        pytest.skip(str(error))
    texts = [f"see [{link.label}]({link.address}) there" for link in LINKS] + [
        f"see {written} now" for written in ADDRESSES
    ]
    found = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    return dict(zip(texts, json.loads(found.stdout), strict=True))


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_the_page_shows_where_a_link_leads(page: Any, link: Link) -> None:
    shown, links = page[f"see [{link.label}]({link.address}) there"]
    assert "\u202e" not in shown
    if link.honest:
        assert [words for _, words in links] == [link.label]
    elif link.goal is None:
        assert links == []
        assert link.address in shown
    else:
        [(address, words)] = links
        assert address == words
        assert link.goal in shown


@pytest.mark.parametrize(("written", "linked"), ADDRESSES.items())
def test_an_address_on_the_page_cannot_be_misread(page: Any, written: str, linked: str | None) -> None:
    _, links = page[f"see {written} now"]
    assert links == ([[linked, linked]] if linked else [])


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_slack_shows_where_a_link_leads(link: Link) -> None:
    shown = markdown.to_mrkdwn(f"see [{link.label}]({link.address}) there")
    assert "\u202e" not in shown
    if link.honest:
        words = "" if link.label == link.address else f"|{link.label}"
        assert f"<{link.address}{words}>" in shown
    else:
        assert all(not lies(label, address) for address, label in re.findall(r"<([^|>]*)\|([^>]*)>", shown))
        assert link.goal is None or f"<{link.goal}" in shown


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_discord_shows_where_a_link_leads(link: Link) -> None:
    text = f"see [{link.label}]({link.address}) there"
    reply = Reply(
        "t", ThreadKey("discord", "1", "2", "3"), (TextPart(text), NoticePart(text)), thinking=False, final=True
    )
    for view in render(reply):
        for item in layout(view, {}).to_components():
            assert ("](" in item["content"]) is link.honest
            assert "\u202e" not in item["content"]


@given(st.sampled_from(LINKS), st.lists(st.integers(1, 30), min_size=1, max_size=9))
def test_a_growing_answer_leads_nobody_astray(link: Link, steps: list[int]) -> None:
    """Slack puts the pieces of a stream together: what they make must be as honest as the whole."""
    words = f"see [{link.label}]({link.address}) there"
    sent, arrived, shown = 0, 0, ""
    for step in [*steps, len(words)]:
        arrived = min(len(words), arrived + step)
        fresh = words[sent:arrived]
        fresh = fresh[: len(fresh) - markup.unfinished(fresh)] if arrived < len(words) else fresh
        shown += markup.neutral_markdown(fresh)
        sent += len(fresh)
    for label, address in re.findall(r"\[([^\]]*)\]\(([^)]*)\)", shown):
        assert not lies(label, address)
    assert not re.search(r"https?://[^\s/]*@", shown)
