"""`easel render RECIPE`: a recipe (JSON, or a picture made here) becomes its picture again."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bot import logs
from bot.cli import CommandFailed
from bot.commands.recipe import read_file
from bot.home import Home
from bot.marking.build import marked_file
from bot.pictures import open_studio
from bot.settings import Settings, load_settings
from imaging.engine_table import ENGINES
from imaging.files import PictureFiles
from imaging.model import Cancelled, Done, Failed, ImageRequest, Owner, Recipe, RenderedPicture
from imaging.origins import differences
from imaging.outputs import read_recipe


def run(arguments: argparse.Namespace) -> int:
    recipe = load_recipe(Path(arguments.recipe))
    settings = settings_for(recipe, arguments.home, arguments.engine)
    logs.set_up("WARNING")
    picture = asyncio.run(render(settings, recipe))
    try:
        data = picture.data if arguments.as_stored else marked_file(settings, picture.data)
        Path(arguments.output).write_bytes(data)
    except OSError as error:
        raise CommandFailed(f"{arguments.output} cannot be written ({error.strerror}).") from None
    if found := differences(recipe, picture.recipe):
        print(f"This is not the recipe's picture again: {'; '.join(found)}.", file=sys.stderr)
    return 0


def settings_for(recipe: Recipe, home: str | None, engine: str | None) -> Settings:
    """With the recipe's own engine, unless pictures cost money there and nobody but the recipe has chosen it.

    Raises:
        CommandFailed: the recipe is somebody's who would spend the host's money.
    """
    settings = load_settings(home=home, engine=engine)
    if engine is not None or recipe.engine not in ENGINES or recipe.engine == settings.engine:
        return settings
    if ENGINES[recipe.engine].address:
        raise CommandFailed(
            f"This recipe was drawn by the engine {recipe.engine}, where a picture may cost you money; "
            f"say --engine {recipe.engine} to have it drawn there, or --engine {settings.engine} to draw it here."
        )
    return load_settings(home=home, engine=recipe.engine)


def _by(engine: str, recipe: Recipe) -> Recipe:
    """A recipe, with all that is drawn beside it, for another engine than it names."""
    source = None if recipe.source is None else _by(engine, recipe.source)
    return replace(recipe, engine=engine, source=source)


def load_recipe(path: Path) -> Recipe:
    """From JSON, or out of a picture.

    Raises:
        CommandFailed, BadPicture: one sentence.
    """
    data = read_file(path)
    if data.startswith(b"\x89PNG"):
        return read_recipe(data)
    try:
        return Recipe.from_json(json.loads(data))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise CommandFailed(f"{path} is neither JSON nor a picture made here.") from None
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"{path}: {error}") from None


async def render(settings: Settings, recipe: Recipe) -> RenderedPicture:
    """Render on a ledger of its own, so that it works beside a running Easel; sources come from its home."""
    owner = Owner("-", "local", "render")
    request = ImageRequest(f"render-{secrets.token_hex(8)}", _by(settings.engine, recipe), owner)
    files = PictureFiles(Home(settings.home).pictures)
    with tempfile.TemporaryDirectory(prefix="easel-render-") as folder:
        async with open_studio(settings, Path(folder) / "jobs.db", files, alone=True) as studio:
            await studio.queue.submit(request)
            async for event in studio.queue.events(request.id):
                match event:
                    case Done(picture):
                        return picture
                    case Failed(sentence):
                        raise CommandFailed(sentence)
                    case Cancelled():
                        break
                    case _:
                        continue
    raise CommandFailed("The rendering was cancelled.")
