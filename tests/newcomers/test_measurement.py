"""A new measurement is one file and its name; table, JSON and the machine's description follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.newcomers.tree import Tree

FILE = '''
"""How many tags of a reply are read."""

import argparse

from measure.report import Report, Row
from prompts.protocol import Directive, parse

REPLY = 'Two foxes: <image id="1"> a red fox </image> and <image id="2"> a grey fox </image>.'


def run(arguments: argparse.Namespace) -> Report:
    read = sum(isinstance(part, Directive) for part in parse(REPLY))
    return Report("tags", {"tags.read": read}, (Row("tags that were read", read, "", "2"),))
'''


@pytest.mark.parametrize(("command", "folder", "last"), [("eval", "evals", "retention"), ("bench", "benches", "slack")])
def test_a_measurement_is_one_file_and_its_name(command: str, folder: str, last: str, tmp_path: Path) -> None:
    tree = Tree(tmp_path / "easel")
    tree.add(f"measure/{folder}/tags.py", FILE)
    tree.after("bot/cli.py", f'    "{last}",\n', '    "tags",\n')
    table = tree.easel(command, "tags", "--json", "tags.json", "--home", str(tmp_path / "home"))
    assert table.startswith("tags (")
    assert "tags that were read" in table
    written = json.loads((tree.root / "tags.json").read_text())
    assert (written["name"], written["figures"]) == ("tags", {"tags.read": 2})
    assert written["machine"]["cores"] >= 1
    assert tree.touched == {f"measure/{folder}/tags.py", "bot/cli.py"}
