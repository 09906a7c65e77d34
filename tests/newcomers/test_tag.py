"""A new tag is one operation and one row: prompt, parser, router, recipes and every chat follow."""

from __future__ import annotations

import json
from pathlib import Path

from tests.newcomers.tree import Tree

ROW = """
            OperationRow(
                Operation.RELIGHT,
                Body.DESCRIPTION,
                ("id", "prev_id", "style"),
                "the same scene in another light; write the full description with that light",
                '<relight id="3" prev_id="2"> a chipped enamel jug on a stile by torchlight </relight>',
            ),"""
SCRIPT = """
import asyncio, io, json, pathlib, subprocess, sys, tempfile
from bot.chats.discord.outgoing import render as discord
from bot.chats.slack.outgoing import render as slack
from bot.chats.terminal import Screen, segment
from bot.chats.web import views as web
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.model import PicturePart
from imaging.model import Recipe
from prompts.protocol import parse, render_directive
from prompts.request import LanguageRequest, Said
from prompts.system import system_text
from tests.fakes import THREAD, FakeChat, FakePictures, FolderFiles, ScriptedModel, message

TAG = '<relight id="2" prev_id="1"> a fox by torchlight </relight>'


async def main():
    found = {"taught": TAG.split()[0] in system_text(LanguageRequest(Said("user", "hi", "Ada")), "en")}
    [directive] = parse(TAG)
    found["written"] = render_directive(directive)
    folder = pathlib.Path(tempfile.mkdtemp())
    store = await SqliteStore.open(folder / "easel.db", FolderFiles(folder / "pictures"))
    chat, model = FakeChat(), ScriptedModel('<image id="1"> a fox </image>', f"So: {TAG}")
    desk = Desk(store, model, FakePictures(), {"web": chat})
    await desk.receive(message("a fox"))
    await desk.receive(message("by torchlight"))
    picture = await store.picture(THREAD, 2)
    recipe = Recipe.from_json(json.loads(json.dumps(picture.recipe.to_json())))
    found["made"] = [picture.operation, picture.parents, recipe.operation.makes.name, recipe.control is not None]
    found["read again"] = (await store.turns(THREAD, limit=1))[0].text
    [part] = [part for part in chat.last.parts if isinstance(part, PicturePart)]
    found["discord"] = "relight of #1" in repr(discord.render(chat.last))
    found["slack"] = "torchlight" in repr(slack.render(chat.last, {part.slot: "F1"}))
    found["web"] = web.part(part)["operation"]
    found["terminal"] = segment(part)["operation"]
    await desk.close()
    await store.close()
    tests = ("tests/prompts/test_system.py", "-p", "no:cacheprovider", "-q")
    checked = subprocess.run([sys.executable, "-m", "pytest", *tests], capture_output=True, text=True)
    found["prompt's own tests"] = checked.stdout[-800:] if checked.returncode else "pass"
    print(json.dumps(found))


asyncio.run(main())
"""


def test_a_tag_is_one_operation_and_one_row(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.after("imaging/recipes.py", '    EDIT = "edit", Makes.CHANGED\n', '    RELIGHT = "relight", Makes.CHANGED\n')
    tree.after("prompts/operations.py", "stile at night </edit>',\n            ),", ROW)
    tag = '<relight id="2" prev_id="1"> a fox by torchlight </relight>'
    assert json.loads(tree.run(SCRIPT)) == {
        "taught": True,
        "written": tag,
        "made": ["relight", [1], "CHANGED", True],
        "read again": f"So: {tag}",
        "discord": True,
        "slack": True,
        "web": "relight",
        "terminal": "relight",
        "prompt's own tests": "pass",
    }
    assert tree.touched == {"imaging/recipes.py", "prompts/operations.py"}
