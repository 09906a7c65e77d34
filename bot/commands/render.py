"""`easel render RECIPE`: a recipe (JSON, or a picture made here) becomes its picture again."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import tempfile
from pathlib import Path

from bot import logs
from bot.cli import CommandFailed
from bot.home import Home
from bot.pictures import open_studio
from bot.settings import EngineName, Settings, load_settings
from imaging.files import PictureFiles
from imaging.model import Cancelled, Done, Failed, ImageRequest, Owner, Recipe, RenderedPicture
from imaging.outputs import read_recipe


def run(arguments: argparse.Namespace) -> int:
    recipe = load_recipe(Path(arguments.recipe))
    engine = recipe.engine if recipe.engine in tuple(EngineName) else None
    settings = load_settings(home=arguments.home, engine=engine)
    logs.set_up("WARNING")
    picture = asyncio.run(render(settings, recipe))
    try:
        Path(arguments.output).write_bytes(picture.data)
    except OSError as error:
        raise CommandFailed(f"{arguments.output} cannot be written ({error.strerror}).") from None
    return 0


def load_recipe(path: Path) -> Recipe:
    """From JSON, or out of a picture.

    Raises:
        CommandFailed, BadPicture: one sentence.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror}).") from None
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
    request = ImageRequest(f"render-{secrets.token_hex(8)}", recipe, owner)
    files = PictureFiles(Home(settings.home).pictures)
    with tempfile.TemporaryDirectory(prefix="easel-render-") as folder:
        async with open_studio(settings, Path(folder) / "jobs.db", files) as studio:
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
