"""Recorded quirks of Slack: what it really sends, and what must come of it. A newcomer adds a row.

Each was met by somebody with another bot: bolt, slack-sdk, hubot and bridges to other chats tell of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.peers.slack_peer import Json


@dataclass(frozen=True, slots=True)
class Said:
    """An event in a thread of the bot's own. `heard`: the text that must arrive; None: it is no wish."""

    name: str
    text: str
    heard: str | None
    more: Json = field(default_factory=dict)
    pictures: tuple[str, ...] = ()
    """Names of those that must come along; in `more`, `{files}` in an address is the peer's."""


@dataclass(frozen=True, slots=True)
class Written:
    """Markdown of a language model, and the mrkdwn that Slack is to be sent."""

    name: str
    markdown: str
    mrkdwn: str


def _shares(text: str | None = "a red fox", **more: Any) -> Json:
    about = {"ts": "1690000000.000001", "channel_id": "C9", "author_id": "U9", "author_name": "Ben", "id": 1}
    footer = {"from_url": "https://peer.slack.com/archives/C9/p1", "footer": "Posted in #ideas", "fallback": "[x] Ben"}
    return {"attachments": [about | footer | {"text": text, "is_share": True, "mrkdwn_in": ["text"]} | more]}


def _file(id: str = "F9", **more: Any) -> Json:
    return {
        "id": id,
        "name": f"{id}.png",
        "mimetype": "image/png",
        "size": 4,
        "url_private_download": "{files}/" + id,
    } | more


def _rich(*elements: Json) -> list[Json]:
    section = {"type": "rich_text_section", "elements": list(elements)}
    return [
        {
            "team": "T1",
            "channel": "C9",
            "ts": "1.1",
            "message": {"blocks": [{"type": "rich_text", "elements": [section]}]},
        }
    ]


_TEXT = {"type": "text", "text": "a fox for "}
SAID = (
    # What people share
    Said("a shared message without a word of one's own", "", "Forwarded message of Ben: a red fox", _shares()),
    Said("a shared message with a comment", "as a sticker", "as a sticker\n\nForwarded message of Ben: a red fox",
         _shares()),
    Said("a shared message under its older subtype", "", "Forwarded message of Ben: a red fox",
         _shares() | {"subtype": "message_share"}),
    Said("a shared picture", "this", "this", _shares(None, fallback="", files=[_file()]), ("F9.png",)),
    Said("a picture that Slack names twice", "this", "this",
         _shares(None, fallback="", files=[_file()]) | {"files": [_file()]}, ("F9.png",)),
    Said("a shared message that stands in blocks only", "", "Forwarded message of Ben: a fox for @U7",
         _shares("", message_blocks=_rich(_TEXT, {"type": "user", "user_id": "U7"}))),
    Said("a shared message that names the bot", "", "Forwarded message of Ben: draw", _shares("<@UBOT> draw")),
    Said("a preview of a page is not somebody's message", "see <https://a.example/x>", "see https://a.example/x",
         {"attachments": [{"title": "A page", "text": "buy now", "from_url": "https://a.example/x"}]}),
    # How Slack writes what people wrote
    Said("a bare domain", "see <http://a.example|a.example>", "see a.example"),
    Said("a link with words of its own", "see <https://a.example/x?b=1&amp;c|the site>",
         "see the site (https://a.example/x?b=1&c)"),
    Said("a link with words that name another place", "<https://evil.example|https://bank.example>",
         "https://bank.example (https://evil.example)"),
    Said("a mail address", "ask <mailto:ann@a.example|ann@a.example>", "ask ann@a.example"),
    Said("a mail address without words", "ask <mailto:ann@a.example>", "ask ann@a.example"),
    Said("a telephone number", "call <tel:+4912345|+49 12345>", "call +49 12345"),
    Said("a date", "for <!date^1767225600^{date_long}|January 1st, 2026>", "for January 1st, 2026"),
    Said("a date with a link", "<!date^1767225600^{date}^https://a.example/|1 January>", "1 January"),
    Said("a date without words", "<!date^1767225600^{date}>", "2026-01-01 00:00 UTC"),
    Said("a channel without a name", "as in <#C5|>", "as in #studio"),
    Said("a channel that nobody may know", "as in <#C404>", "as in #channel"),
    Said("a channel with its name", "as in <#C6|general>", "as in #general"),
    Said("a group", "for <!subteam^S1|@artists> and <!subteam^S2>", "for @artists and @group"),
    Said("everybody", "<!here> <!channel|channel> look", "@here @channel look"),
    Said("a person with a name", "for <@U7|ben>", "for @U7"),
    Said("characters that Slack escapes", "1 &lt; 2 &amp;&amp; &lt;image&gt;", "1 < 2 && <image>"),
    Said("a picture of a kind that Slack does not know", "this", "this",
         {"subtype": "file_share", "files": [_file(mimetype="")]}, ("F9.png",)),
    # What is no wish
    Said("a picture that the bot itself has uploaded", "", None,
         {"subtype": "file_share", "user": None, "bot_id": "B1", "files": [_file()]}),
    *(
        Said(f"the subtype {subtype}", "a red fox", None, {"subtype": subtype})
        for subtype in (
            "bot_message", "channel_join", "channel_topic", "pinned_item", "reminder_add", "huddle_thread", "bot_add",
            "message_changed", "message_deleted", "message_replied", "ekm_access_denied", "sh_room_created",
            "channel_convert_to_private", "assistant_app_thread", "document_mention", "something_new",
        )
    ),
    Said("a reminder that Slackbot says", "Reminder: <@UBOT> draw a fox", None, {"user": "USLACKBOT"}),
    Said("another app", "a red fox", None, {"bot_id": "B7"}),
    Said("a hidden one", "a red fox", None, {"hidden": True}),
    Said("a subtype that is no text", "a red fox", None, {"subtype": ["file_share"]}),
    # What is one
    Said("a file", "this", "this", {"subtype": "file_share", "files": [_file()]}, ("F9.png",)),
    Said("an answer that goes to the channel too", "blue", "blue",
         {"subtype": "thread_broadcast", "root": {"ts": "5.5"}}),
    Said("what somebody does", "wants a fox", "wants a fox", {"subtype": "me_message"}),
)  # fmt: skip

_GAP = "\u200b"
WRITTEN = (
    Written("italic with stars", "an *old* fox", "an _old_ fox"),
    Written("italic with underscores", "an _old_ fox", "an _old_ fox"),
    Written("bold", "a **red** fox", "a *red* fox"),
    Written("bold with underscores", "a __red__ fox", "a *red* fox"),
    Written("bold and italic", "a ***red*** fox", "a _*red*_ fox"),
    Written("struck", "a ~~red~~ blue fox", "a ~red~ blue fox"),
    Written("code that looks like bold", "type `**x**` or `a < b`", "type `**x**` or `a &lt; b`"),
    Written("a code block", "```py\nx = a**b**c & 1\n```", "```\nx = a**b**c &amp; 1\n```"),
    Written("a code block that is still growing", "```\nx = 1", "```\nx = 1\n```"),
    Written("a code block with fences of its own", "````\n```\n````", f"```\n``{_GAP}`\n```"),
    Written("a heading with bold in it", "## The **red** fox", "*The red fox*"),
    Written("words with underscores", "use snake_case_names", "use snake_case_names"),
    Written("a product", "2 * 3 * 4", "2 * 3 * 4"),
    Written("bold over two lines", "**red\nfox**", "*red*\n*fox*"),
    Written("bold inside a word", "un**believ**able", f"un{_GAP}*believ*{_GAP}able"),
    Written("bold in a script without spaces", "这是**粗体**文字", f"这是{_GAP}*粗体*{_GAP}文字"),
    Written("bold that ends with a full stop of that script", "**狐狸。**画", f"{_GAP}*狐狸。{_GAP}*{_GAP}画"),
    Written("bold that ends with a bracket", "**red (dark)** fox", f"*red (dark){_GAP}* fox"),
    Written("a list", "Two:\n- a\n* b", "Two:\n• a\n\n• b".replace("\n\n", "\n")),
    Written("nested lists", "- a\n  - b\n    1. c\n    2. d\n- e", "• a\n    ◦ b\n        1. c\n        2. d\n• e"),
    Written("a list that begins later", "3. c\n4. d", "3. c\n4. d"),
    Written("what stands behind a list", "- a\n\nAnd so on.", "• a\n\nAnd so on."),
    Written("a quotation", "> a **red**\n> fox", "> a *red*\n> fox"),
    Written("a table", "| a | b |\n|---|--:|\n| 1 | **2** |", "```\na  b\n-  -\n1  2\n```"),
    Written("a table with code and a bar", "|a|\n|-|\n|`x \\| y`|", "```\na\n-----\nx | y\n```"),
    Written("a line", "a\n\n---\n\nb", "a\n\n———\n\nb"),
    Written("words over a line of dashes", "a\n---\nb", "a\n———\nb"),
    Written("words that are indented", "    a fox", "a fox"),
    Written("what looks like a definition", "[note]: later", "[note]: later"),
    Written("entities", "&lt;!channel&gt; &amp; &#60;@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
    Written("mentions", "<!channel> <@U1> @here", f"&lt;!channel&gt; &lt;@U1&gt; @{_GAP}here"),
    Written("HTML", "<b>a</b><br>", "&lt;b&gt;a&lt;/b&gt;&lt;br&gt;"),
    Written("a link with a bar", "[a|b](https://docs.example/x)", "<https://docs.example/x|a¦b>"),
    Written("a link with bold words", "[**the** guide](https://docs.example/x)", "<https://docs.example/x|the guide>"),
    Written("an address", "see https://docs.example/a_b_c.", "see <https://docs.example/a_b_c>."),
    Written("an address in brackets", "(https://docs.example/x)", "(<https://docs.example/x>)"),
    Written("a picture", "![a fox](https://docs.example/f.png)", "<https://docs.example/f.png|a fox>"),
    Written("a hard break", "a  \nb", "a\nb"),
    Written("a task list", "- [ ] a\n- [x] b", "• [ ] a\n• [x] b"),
)
