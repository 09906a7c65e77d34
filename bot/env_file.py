"""The `.env` of the folder that Easel is started in: whether it can be trusted, and what of it is not a setting."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

NAME = ".env"
LIBRARIES = ("HF_", "HUGGING_FACE_HUB_", "HUGGINGFACE_")
"""How names begin that are the hub client's: it reads them from the environment."""


class EnvFileError(Exception):
    """The file is there and is not read; `str()` is the sentence."""


def env_file() -> Path | None:
    """Where the file lies that is read; None where there is none.

    Raises:
        EnvFileError: somebody else may have written it, or it cannot be read.
    """
    path = Path(NAME)
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvFileError(f"{path.absolute()} cannot be read ({error.strerror}).") from None
    if not stat.S_ISREG(found.st_mode):
        return None
    way_out = "look into it, then make it yours (chown, chmod 600 .env), or start Easel in another folder."
    if found.st_uid not in (os.geteuid(), 0):
        raise EnvFileError(f"{path.absolute()} belongs to another user and is not read: {way_out}")
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _own_group(found.st_gid)):
        raise EnvFileError(f"{path.absolute()} can be written by others and is not read: {way_out}")
    return path.absolute()


def _own_group(group: int) -> bool:
    """Whether a group is the user's alone, as many systems give one to each."""
    import grp
    import pwd

    try:
        found, person = grp.getgrgid(group), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return found.gr_name == person.pw_name and set(found.gr_mem) <= {person.pw_name}


def lines_of_it() -> Mapping[str, str]:
    """Names and values as they stand in the file.

    Raises:
        EnvFileError: see `env_file`.
    """
    path = env_file()
    if path is None:
        return {}
    try:
        return {name: value or "" for name, value in dotenv_values(path, encoding="utf-8").items()}
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise EnvFileError(f"{path} cannot be read ({why}).") from None


def hand_to_libraries() -> None:
    """Put what the hub client reads into the environment, where workers inherit it; what is set there wins.

    Raises:
        EnvFileError: see `env_file`.
    """
    for name, value in lines_of_it().items():
        if name.startswith(LIBRARIES) and value:
            os.environ.setdefault(name, value)
