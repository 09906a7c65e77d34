"""`easel verify FILE`: what a picture of anybody says of its origin."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.cli import CommandFailed
from bot.commands.recipe import read_file
from bot.marking.certificate import known
from bot.settings import load_settings
from handlers.verifying import is_ours, told
from imaging.decoding.pool import Decoders
from imaging.marking.inspection import inspected_now


def run(arguments: argparse.Namespace) -> int:
    data = read_file(Path(arguments.file))
    settings = load_settings(home=arguments.home)
    own = known(settings, settings.home)
    anchors = _given(arguments.anchors) if arguments.anchors else own.root
    decoders = Decoders(1)
    try:
        found = inspected_now(decoders, data, anchors)
        print(told(found, ours=not arguments.anchors and is_ours(found, own.serial)))
    finally:
        decoders.close()
    return 0


def _given(name: str) -> str:
    text = read_file(Path(name)).decode("ascii", "replace")
    if "BEGIN CERTIFICATE" not in text:
        raise CommandFailed(f"{name} holds no certificate (PEM).")
    return text
