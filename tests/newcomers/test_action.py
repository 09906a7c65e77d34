"""A new action of a picture is one value and one row (and what it does): no chat shows a dead button."""

from __future__ import annotations

import json
from pathlib import Path

from tests.newcomers.tree import Tree

SCRIPT = """
import json
from bot.chats.discord.incoming.buttons import ActionButton
from bot.chats.discord.outgoing.controls import controls, group_controls
from bot.chats.discord.ids import ButtonId, button_id, read_menu_value
from bot.chats.discord.outgoing.views import Menu
from bot.chats.slack import ids
from bot.chats.slack.outgoing import render
from bot.chats.web import views
from handlers.model import Action, PicturePart, Reply, SlotState, ThreadKey
from handlers.presentation import WORK
from imaging.model import Operation

key = ThreadKey("discord", "1", "2", "3")
part = PicturePart("s", 2, Operation.EDIT, "a fox", (1,), state=SlotState.READY, sha256="ab")
id = button_id(Action.FRAME, key, 2)
menus = [b for b in controls(part, key) if isinstance(b, Menu)]
group = [b for b in group_controls([part] * 5, key) if isinstance(b, Menu)]
[message] = render.render(Reply("t", key, (part,)), {"s": "F"})
elements = message.blocks[-1]["elements"]
slack = [e["action_id"] for e in elements if e["type"] == "button"]
slack += [o["value"] for e in elements for o in e.get("options", ())]
print(json.dumps({
    "template": bool(ActionButton.__discord_ui_compiled_template__.fullmatch(id)),
    "parsed": ButtonId.parse(id).action,
    "menu": [label for menu in menus for label, value in menu.entries if read_menu_value(value)[0] is Action.FRAME],
    "group": sum(read_menu_value(v)[0] is Action.FRAME for menu in group for _, v in menu.entries),
    "longest": max(len(menu.entries) for menu in (*menus, *group)),
    "slack": [i for i in slack if ids.read_action_id(i).action is Action.FRAME],
    "overflow": max(len(e.get("options", ())) for e in elements),
    "counted": Action.FRAME in WORK,
    "page": [o for o in views.part(part)["offers"] if o["action"] == "frame"],
}))
"""


def test_every_chat_offers_a_new_action(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.after("handlers/model.py", '    STOP = "stop"\n', '    FRAME = "frame"\n')
    tree.after(
        "handlers/presentation.py",
        '    Offer(Action.STOP, When.ANSWER, "Stop"),\n',
        '    Offer(Action.FRAME, When.READY, "Frame", "Put a frame around it", works=True),\n',
    )
    found = json.loads(tree.run(SCRIPT))
    assert found == {
        "template": True,
        "parsed": "frame",
        "menu": ["Put a frame around it"],
        "group": 5,
        "longest": 25,
        "slack": ["easel.frame.2"],
        "overflow": 5,
        "counted": True,
        "page": [{"action": "frame", "label": "Frame", "entry": "Put a frame around it"}],
    }
