"""A new command is a row and a method: every platform registers it, reads it, lists it in its help and answers it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.newcomers.tree import Tree

ROW = """    CommandSpec(
        "palette",
        "The colours that a word makes one think of",
        (Option("word", "Which word", required=True), Option("colours", "How many", OptionKind.NUMBER, maximum=9)),
    ),
"""
METHOD = """
    async def _palette(self, call: CommandCall) -> Answer:
        return Answer(f"{call.arguments['word']}: {call.arguments.get('colours', 3)} colours")
"""
SCRIPT = """
import asyncio, json, pathlib, tempfile
import discord
from discord import app_commands
from bot.chats.discord.incoming.commands import slash_command
from bot.chats.slack.incoming.commands import SUBCOMMANDS, read_command
from bot.store.store import SqliteStore
from handlers.command_text import help_rows
from handlers.commands import COMMANDS
from handlers.desk import Desk
from handlers.model import CommandCall, Incoming, ThreadKey
from tests.fakes import ANNA, FakeChat, FakePictures, FolderFiles, ScriptedModel


async def main():
    [spec] = [spec for spec in COMMANDS if spec.name == "palette"]
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    row = slash_command(spec, None, None).to_dict(tree)
    found = {"discord": [option["name"] for option in row["options"]]}
    read, arguments = read_command("palette sea colours:4", COMMANDS)
    home = json.dumps(help_rows(COMMANDS, SUBCOMMANDS, admin=False))
    found["slack"] = [read.name, arguments, "/easel palette word [colours:" in home]
    folder = pathlib.Path(tempfile.mkdtemp())
    store = await SqliteStore.open(folder / "easel.db", FolderFiles(folder / "pictures"))
    chats = {name: FakeChat(name) for name in ("discord", "slack", "web", "terminal")}
    model = ScriptedModel()
    desk = Desk(store, model, FakePictures(), chats)
    for name, chat in chats.items():
        key = ThreadKey(name, "t1", "c1", "x1")
        await desk.receive(Incoming(f"typed-{name}", key, ANNA, "/palette word:sea"))
        given = await desk.command(CommandCall(f"given-{name}", key, ANNA, "palette", arguments))
        helps = (await desk.command(CommandCall(f"help-{name}", key, ANNA, "help"))).text
        found[f"answers {name}"] = [chat.answers[0][1].text, given.text, "/palette word [colours:" in helps]
    found["model"] = len(model.requests)
    await desk.close()
    await store.close()
    print(json.dumps(found))


asyncio.run(main())
"""


def test_a_command_is_one_row_and_one_method(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.after(
        "handlers/commands.py",
        '    CommandSpec("gallery", "The pictures that were made here, to search", (SEARCH,)),\n',
        ROW,
    )
    tree.after(
        "handlers/commands.py",
        '        return Answer("\\n".join(lines) or "Nothing is being made in this thread.")\n',
        METHOD,
    )
    answers = ["sea: 3 colours", "sea: 4 colours", True]
    assert json.loads(tree.run(SCRIPT)) == {
        "discord": ["word", "colours"],
        "slack": ["palette", {"word": "sea", "colours": 4}, True],
        **{f"answers {name}": answers for name in ("discord", "slack", "web", "terminal")},
        "model": 0,
    }
    assert tree.touched == {"handlers/commands.py"}
