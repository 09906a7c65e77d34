"""The `easel` command: one row a subcommand; help is instant because a row names its code and imports nothing.

Exit codes: 0 done, 1 it did not work (one sentence on standard error), 2 wrong usage or wrong settings.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from handlers.export.documents.formats import PER_PAGE, Format
from imaging.engine_table import names

EVALS = (
    "protocol",
    "moderation",
    "mini",
    "consistency",
    "retention",
)
"""Modules of `measure.evals`."""
BENCHES = (
    "core",
    "path",
    "engine",
    "queue",
    "start",
    "faults",
    "discord",
    "slack",
    "marking",
)
"""Modules of `measure.benches`."""


class CommandFailed(Exception):
    """`str(error)` is the sentence that the person at the terminal reads; the exit code is 1."""


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, help="port of the web page (default: EASEL_WEB_PORT)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    _home(parser)


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, help="port of the web page (default: EASEL_WEB_PORT)")
    _home(parser)


def _chat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--script", metavar="FILE", help="one user message a line, then exit ('-': standard input)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a turn")
    parser.add_argument("--llm", metavar="URL", help="an OpenAI-compatible endpoint instead of the configured one")
    parser.add_argument("--engine", metavar="NAME", help=names())
    _home(parser)


def _render(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe (JSON), or a picture made here")
    parser.add_argument("-o", "--output", metavar="OUT.png", required=True)
    parser.add_argument("--as-stored", action="store_true", help="without marks, byte for byte what the home keeps")
    parser.add_argument("--engine", metavar="NAME", help=f"{names()} instead of the recipe's own")
    _home(parser)


def _recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("picture", metavar="PICTURE.png")


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a picture")
    parser.add_argument("--anchors", metavar="ROOTS.pem", help="trust these roots instead of this Easel's own")
    _home(parser)


def _mark(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("init",), help="init: make what is missing, and say what is there")
    parser.add_argument("--renew", action="store_true", help="make the signer's certificate anew, under the same root")
    _home(parser)


def _parse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chunk", type=_positive, metavar="N", help="feed the text N characters at a time")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write what was found as JSON")
    _home(parser)


def _eval(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=EVALS)
    parser.add_argument("--llm", metavar="URL", help="protocol: an OpenAI-compatible endpoint")
    parser.add_argument("--cases", metavar="FILE", help="protocol, moderation: cases, one JSON object a line")
    parser.add_argument(
        "--moderator", metavar="NAMES", help="moderation: words, endpoint, … by commas (all that are set)"
    )
    parser.add_argument("--out", metavar="FILE", help="write each case's reply and verdict, one JSON object a line")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N cases")
    parser.add_argument("--sweep", action="store_true", help="consistency: which settings of each control do best")
    parser.add_argument(
        "--untrained",
        choices=("prompt", "format"),
        help="protocol: the embedded weights without the adapter, by prompting alone or with the compact format",
    )
    _figures(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a check that it runs, not a figure")
    parser.add_argument("--runs", type=_positive, metavar="N", help="faults: how often the program is killed (300)")
    parser.add_argument("--pictures", metavar="DIR", help="marking: pictures of yours to measure with")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="faults: what the dice begin with")
    _figures(parser)


def _slack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("manifest",), help="manifest: what to paste when the Slack app is made")
    parser.add_argument("--url", metavar="https://…", help="public address, for HTTP mode; without it, Socket Mode")
    parser.add_argument("--name", default="Easel", help="the bot's name (default Easel)")
    parser.add_argument("--assistant", action="store_true", help="for an app with the older assistant view")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("thread", nargs="?", help="the thread's key as `easel export` without arguments lists it")
    parser.add_argument("-o", "--output", metavar="OUT", help="the file to write")
    parser.add_argument(
        "--format", default="zip", choices=tuple(map(str, Format)),
        help="all of it (zip), a storyboard, slides (PPTX), or one page (HTML) with the tree",
    )  # fmt: skip
    parser.add_argument("--each", type=int, choices=PER_PAGE, help="pictures on each page of a PDF (1)")
    parser.add_argument("--without-names", action="store_true", help="call nobody by their name")
    _home(parser)


def _backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUT.tar")
    parser.add_argument("--encrypt", action="store_true", help="with EASEL_BACKUP_PASSPHRASE, or one that is asked for")
    parser.add_argument("--without-tokens", action="store_true", help="leave out the tokens of Slack workspaces")
    _home(parser)


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", metavar="BACKUP.tar")
    _home(parser)


def _audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=_positive, default=30, metavar="N", help="of the last N days (30)")
    parser.add_argument("--act", choices=("deletion", "admin", "refusal", "report", "spending"), help="only these")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    _home(parser)


def _invite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="what others shall call the person")
    parser.add_argument("--role", choices=("member", "moderator", "admin"), default="member")
    parser.add_argument("--many", action="store_true", help="a link that anybody who has it may use")
    parser.add_argument("--days", type=_positive, default=7, help="how long the link is good (default: 7)")
    parser.add_argument("--again", metavar="NAME", help="a link that signs in somebody who was let in before")
    parser.add_argument("--list", action="store_true", help="who was let in, and the links")
    parser.add_argument("--revoke", metavar="ID", help="let nobody in by that link any more")
    parser.add_argument("--with-people", action="store_true", help="with --revoke: remove who came by it, too")
    parser.add_argument("--remove", metavar="NAME", help="sign somebody out, for good")
    _home(parser)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--example", action="store_true", help="print .env.example instead of what is set")


def _home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", metavar="DIR", help="database and pictures (default: EASEL_HOME)")


def _figures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the figures and the machine as JSON")
    _home(parser)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _positive(text: str) -> int:
    value = _number(text)
    if not value:
        raise argparse.ArgumentTypeError("must be a number, 1 or more")
    return value


def _port(text: str) -> int:
    value = _number(text)
    if value is None or value > 65535:
        raise argparse.ArgumentTypeError("must be a number between 0 and 65535 (0: any free port)")
    return value


@dataclass(frozen=True, slots=True)
class Command:
    """One row: the module has `run(arguments) -> int`."""

    name: str
    summary: str
    module: str
    arguments: Callable[[argparse.ArgumentParser], None]


COMMANDS = (
    Command("demo", "open the web page with the embedded models; nothing to configure", "bot.commands.serve", _demo),
    Command("serve", "run on every platform that is configured", "bot.commands.serve", _serve),
    Command("chat", "talk in the terminal", "bot.commands.chat", _chat),
    Command("render", "render a recipe again", "bot.commands.render", _render),
    Command("recipe", "print the recipe of a picture made here", "bot.commands.recipe", _recipe),
    Command("parse", "read a reply from standard input, print its segments as JSON", "bot.commands.parse", _parse),
    Command("verify", "what a picture of anybody says of its origin", "bot.commands.verify", _verify),
    Command("mark", "make the certificate that pictures are signed with", "bot.commands.mark", _mark),
    Command("doctor", "check settings, models, endpoints and disk", "bot.commands.doctor", _doctor),
    Command("eval", "measure how well the models do", "measure.evaluate", _eval),
    Command("bench", "measure how fast it is", "measure.bench", _bench),
    Command("slack", "print the manifest of the Slack app", "bot.commands.slack", _slack),
    Command("export", "write a thread as a zip, a PDF, slides or one page", "bot.commands.export", _export),
    Command("backup", "copy database and pictures, also while running", "bot.commands.backup", _backup),
    Command("restore", "bring a backup back into an empty home", "bot.commands.backup", _restore),
    Command("audit", "what was deleted, decided, refused, reported and spent", "bot.commands.audit", _audit),
    Command("invite", "let people in on the web page by a link", "bot.commands.invite", _invite),
    Command("settings", "print the settings", "bot.commands.settings", _settings),
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="easel", description="Turns chat threads into interactive text-to-image sessions."
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for row in COMMANDS:
        sub = subparsers.add_parser(row.name, help=row.summary, description=row.summary[0].upper() + row.summary[1:])
        row.arguments(sub)
        sub.set_defaults(module=row.module)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; nobody sees a traceback for what a person can mend."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.version:
        print(version())
        return 0
    if arguments.command is None:
        parser.print_help()
        return 2
    from bot import private

    if hasattr(arguments, "home") or arguments.command == "settings":
        _tell_settings_file()
    try:
        with private.alone():
            return int(importlib.import_module(arguments.module).run(arguments))
    except CommandFailed as error:
        print(f"easel: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has gone; the interpreter's own flush at exit must not complain again.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        code = _known(error)
        if code is None:
            raise
        return code


def _tell_settings_file() -> None:
    """Say which `.env` speaks: a folder from somewhere may have brought one along."""
    from bot.env_file import EnvFileError, env_file

    with contextlib.suppress(EnvFileError):  # said where it is read
        if (read := env_file()) is not None:
            print(f"easel: settings are read from {read}", file=sys.stderr)


def _known(error: Exception) -> int | None:
    """The exit code for errors that carry their own sentence; None for a bug, which keeps its traceback."""
    from bot.settings import SettingsError
    from handlers.errors import UserError
    from imaging.errors import ImagingError

    if isinstance(error, SettingsError):
        print(f"easel: {error}", file=sys.stderr)
        return 2
    if isinstance(error, UserError | ImagingError):
        print(f"easel: {error}", file=sys.stderr)
        return 1
    return None


def version() -> str:
    """Easel's own."""
    from importlib import metadata

    try:
        return metadata.version("easel")
    except metadata.PackageNotFoundError:
        return "0+source"
