"""`easel slack manifest`: the app manifest, from the tables that the code itself uses."""

from __future__ import annotations

import argparse
import json
from urllib.parse import urlsplit

from bot.cli import CommandFailed


def run(arguments: argparse.Namespace) -> int:
    from bot.chats.slack.manifest import LONGEST_NAME, View, manifest
    from handlers.commands import COMMANDS

    if arguments.url is not None:
        parts = urlsplit(arguments.url)
        if parts.scheme != "https" or not parts.hostname:
            raise CommandFailed(f"--url {arguments.url} is no https:// address; Slack calls no other.")
    if not 0 < len(arguments.name) <= LONGEST_NAME:
        raise CommandFailed(f"--name may have 1 to {LONGEST_NAME} characters; Slack takes no longer one.")
    view = View.ASSISTANT if arguments.assistant else View.AGENT
    made = manifest(COMMANDS, name=arguments.name, request_url=arguments.url, view=view)
    print(json.dumps(made, indent=2, ensure_ascii=False))
    return 0
