"""The Slack peer's thread and home page as people would see them, drawn from the blocks that Easel really sent.

`python -m tests.peers.slack_page OUT.png` runs `easel serve` against the peer, holds a short conversation
with a scripted language model and the bundled pictures, opens App Home, and photographs both with Chromium.
"""

from __future__ import annotations

import asyncio
import base64
import html
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.peers.openai_peer import Reply
from tests.peers.slack_peer import BOT_USER, SlackPeer

STYLE = """
body{margin:0;padding:18px 24px;background:#fff;color:#1d1c1d;font:15px/1.46 Lato,"Helvetica Neue",Arial,sans-serif;
width:1120px;display:grid;grid-template-columns:600px 1fr;gap:40px}
h2{font-size:19px;margin:10px 0 6px}hr{border:0;border-top:1px solid #ddd;margin:12px 0}
.home figure img{width:150px}.with{display:flex;justify-content:space-between;align-items:flex-start;gap:12px}
code{background:#f6f6f6;border:1px solid #ddd;border-radius:3px;color:#c01343;font-size:12px;padding:1px 3px}
a{color:#1264a3;text-decoration:none}
h1{font-size:17px;margin:0 0 14px;border-bottom:1px solid #ddd;padding-bottom:10px}
.message{display:flex;gap:10px;margin:0 0 16px}.face{flex:none;width:36px;height:36px;border-radius:6px;color:#fff;
background:#2b2d42;text-align:center;line-height:36px;font-weight:700}.person{background:#4a7a5c}.name{font-weight:700}
.app{background:#e8e8e8;color:#616061;font-size:10px;padding:1px 3px;border-radius:2px;margin-left:5px}
.body{flex:1}.body>div{margin:3px 0 7px}figure{margin:4px 0 8px}
figcaption{color:#616061;font-size:13px;margin-bottom:3px}
figure img{width:240px;border-radius:6px;display:block}
.context{color:#616061;font-size:12px}
.primary{background:#007a5a!important;color:#fff;border-color:#007a5a!important}
.danger{color:#e01e5a;border-color:#e01e5a!important}figure.sheet img{width:540px}
button{background:#fff;border:1px solid #bbb;border-radius:4px;font:700 13px Arial;padding:5px 11px;margin:0 7px 6px 0}
.mention{background:#e8f5fa;color:#1264a3;border-radius:3px;padding:0 2px}
"""


def words(text: str) -> str:
    """mrkdwn as HTML; it arrives with &, < and > escaped but for mentions and links."""
    text = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<@(\w+)>", lambda m: f"\0{'Easel' if m[1] == BOT_USER else m[1]}\1", text)
    text = re.sub(r"<(https?://[^|>]+)\|([^>]*)>", "\2\\2\3", text)
    text = html.escape(html.unescape(text), quote=False)
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*(\S[^*\n]*)\*", r"<b>\1</b>", text)
    text = re.sub(r"(?<!\w)_(\S[^_\n]*)_(?!\w)", r"<i>\1</i>", text)
    text = text.replace("\2", "<a>").replace("\3", "</a>")
    return text.replace("\0", '<span class="mention">@').replace("\1", "</span>").replace("\n", "<br>")


def element(shown: dict[str, Any]) -> str:
    if shown["type"] == "static_select":
        return f"<button>{words(shown['placeholder']['text'])} ▾</button>"
    label = words(shown["text"]["text"]) if shown["type"] == "button" else "⋯"
    return f'<button class="{shown.get("style", "")}">{label}</button>'


def block(shown: dict[str, Any], peer: SlackPeer) -> str:
    """One block; a kind that is not known here is an error, not a gap."""
    kind = shown["type"]
    if kind == "section":
        aside = shown.get("accessory")
        label = (aside.get("text") or aside["placeholder"])["text"] if aside else ""
        more = f"<button>{words(label)}</button>" if aside else ""
        return f'<div class="{"with" if more else ""}"><div>{words(shown["text"]["text"])}</div>{more}</div>'
    if kind == "header":
        return f"<h2>{words(shown['text']['text'])}</h2>"
    if kind == "context":
        return f'<div class="context">{" ".join(words(element["text"]) for element in shown["elements"])}</div>'
    if kind == "image":
        data = base64.b64encode(peer.files[shown["slack_file"]["id"]].data).decode()
        title = words((shown.get("title") or {}).get("text", ""))
        alt = html.escape(shown["alt_text"])
        kind = "sheet" if str(shown.get("block_id")).startswith("pictures.") else "one"
        image = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
        return f'<figure class="{kind}"><figcaption>{title}</figcaption>{image}</figure>'
    if kind == "actions":
        return "<div>" + "".join(map(element, shown["elements"])) + "</div>"
    if kind == "divider":
        return "<hr>"
    raise ValueError(f"no rendering for {kind}")


def page(peer: SlackPeer, root: str) -> str:
    """The thread, its first message included."""
    made = []
    for message in peer.messages:
        if root not in (message["ts"], message.get("thread_ts")):
            continue
        ours = message["user"] == BOT_USER
        name = 'Easel<span class="app">APP</span>' if ours else "Ada"
        blocks = message.get("blocks")
        inside = "".join(block(b, peer) for b in blocks) if blocks else f"<div>{words(message['text'])}</div>"
        face = f'<div class="face{"" if ours else " person"}">{name[0]}</div>'
        who = f'<span class="name">{name}</span>'
        made.append(f'<div class="message">{face}<div class="body">{who}{inside}</div></div>')
    home = "".join(block(b, peer) for b in peer.views[-1]["blocks"])
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><div><h1>Thread in #design</h1>{''.join(made)}</div>"
        f'<div class="home"><h1>Easel · Home</h1>{home}</div>'
    )


def answered(peer: SlackPeer, root: str, number: int) -> bool:
    """Has the thread so many pictures, and is nothing under way?"""
    blocks = [b for m in peer.answers(root) for b in m.get("blocks") or []]
    named = [str(b["block_id"]).split(".")[1:] for b in blocks if b["type"] == "image"]
    return sum(map(len, named)) == number and peer.sessions[-1:] == ["active"] and "cancel." not in str(blocks)


async def hold(out: Path, home: Path) -> None:
    from tests.bot.slack.test_process import PATIENCE_S, serving

    talk = (
        ("<@UBOT> a penguin in the snow, please", 1,
         ("Here it is: ", '<image id="1"> a penguin in the snow </image>', " Say what to change.")),
        ("and at night, in the desert, in a forest", 4,
         ("It stayed *where it was*: ", '<edit id="2" prev_id="1"> a penguin in the snow at night </edit>',
          '<edit id="3" prev_id="1" change="large"> a penguin in the desert </edit>',
          '<edit id="4" prev_id="1" change="large"> a penguin in a forest </edit>', " Which one?")),
    )  # fmt: skip
    async with serving(home) as serve:
        peer, root = serve.slack, ""
        for asked, number, answer in talk:
            serve.llm.replies.append(Reply(answer))
            event = peer.said(asked, **({"thread_ts": root} if root else {}))
            root = root or str(event["ts"])
            await peer.send_event(event if number > 1 else event | {"type": "app_mention"})
            await peer.until(partial(answered, peer, root, number), PATIENCE_S)
        opened = {"type": "app_home_opened", "user": "U1", "channel": "DU1", "tab": "home", "event_ts": "1.1"}
        shown: list[Any] = []
        while len(shown) < 4:  # the last answer is stored a moment after it is seen
            before = len(peer.views)
            await peer.send_event(opened)
            await peer.until(lambda before=before: len(peer.views) > before, PATIENCE_S)
            shown = [b for b in peer.views[-1]["blocks"] if b["type"] == "image"]
        out.with_suffix(".html").write_text(page(peer, root), encoding="utf-8")


def photograph(source: Path, out: Path, height: int = 1120, width: int = 1170) -> None:
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--hide-scrollbars", f"--window-size={width},{height}", f"--screenshot={out}", source.as_uri()],
        check=True, timeout=60, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "thread.png"
        asyncio.run(hold(shot, Path(folder)))
        photograph(shot.with_suffix(".html"), target)
