"""`easel serve`: every configured platform. `easel demo`: the web page only, and a browser opened on it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import webbrowser
from contextlib import ExitStack

from bot import logs
from bot.app import CHATS, Program, serve
from bot.chats import ChatNotStarted
from bot.cli import CommandFailed
from bot.collector import settled
from bot.settings import load_settings, unknown_names


def run(arguments: argparse.Namespace) -> int:
    demo = arguments.command == "demo"
    settings = load_settings(home=arguments.home, web_port=arguments.port)
    logs.set_up("WARNING" if demo and settings.log_level == "INFO" else settings.log_level, settings.log_format)
    for sentence in unknown_names():
        print(f"easel: {sentence}", file=sys.stderr)
    names = ["web"] if demo else [row.name for row in CHATS if row.wanted(settings)]

    stack = ExitStack()

    def started(running: Program) -> None:
        stack.enter_context(settled())
        url = next(service.url for service in running.services.values() if service.url)
        where = ", ".join(names)
        print(f"Easel is at {url}" + ("" if demo else f" (on: {where})"), flush=True)
        print("Stop it with Ctrl-C; a second start goes on where this one ended.", flush=True)
        if demo and not arguments.no_browser:
            webbrowser.open(url)

    try:
        with stack:
            asyncio.run(serve(settings, names, started))
    except ChatNotStarted as error:
        raise CommandFailed(str(error)) from None
    return 0
