"""Files of models: from this disk, or fetched from the hub once and taken from its cache afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from imaging.errors import EngineError

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_FILES = frozenset({".safetensors", ".ckpt", ".bin", ".pt", ".pth"})
_LIBRARIES = ("safetensors", "huggingface_hub", "safetensors_rust", "httpx2", "builtins")
"""They raise classes of their own, which need not be installed to be named."""


def is_id(name: str) -> bool:
    """Whether a name can be one of the hub's: `owner/name`, where the name may have dots."""
    return _ID.fullmatch(name) is not None and Path(name).suffix.lower() not in _FILES


def is_weights(name: str) -> bool:
    """Whether a file is one that is loaded, by its name."""
    return name.lower().endswith(".safetensors")


def is_file(name: str) -> bool:
    """Whether a name can be one file of the hub's: `owner/name/file.safetensors`."""
    return is_weights(name) and name.count("/") > 1 and is_id("/".join(name.split("/")[:2]))


def is_of_libraries(error: BaseException) -> bool:
    """Whether the libraries that read and fetch files raised it."""
    return type(error).__module__.split(".")[0] in _LIBRARIES


def refuse_pickles(file: Path) -> None:
    """Raises EngineError for every kind of file but one."""
    if not is_weights(file.name):
        raise EngineError(f"{file.name} is no .safetensors file; other formats can run code and are not loaded.")


def fetch(id: str, wanted: Callable[[list[str]], Iterable[str]]) -> Path:
    """The folder of the hub's copy on this disk. A copy that is there serves without the hub.

    Args:
        id: `owner/name`.
        wanted: Of the repository's files those to fetch, as names or patterns.

    Raises:
        EngineError: the hub has no such repository, it is not open, or it cannot be reached and there is no copy.
    """
    from huggingface_hub import HfApi, snapshot_download

    try:
        # One question without retries: a machine without a network does not wait for what it has.
        listed = [each.rfilename for each in HfApi().model_info(id, timeout=15).siblings or ()]
    except Exception as error:
        if not isinstance(error, OSError) and not is_of_libraries(error):
            raise
        copy = _copy(id)
        if copy is None:
            raise EngineError(_why(error, id[:120])) from error
        return copy
    patterns = list(wanted(listed))
    try:
        return Path(snapshot_download(id, allow_patterns=patterns))
    except Exception as error:
        if not isinstance(error, OSError) and not is_of_libraries(error):
            raise
        raise EngineError(
            f"The files of {id[:120]} could not be fetched; check network and disk, and try again."
        ) from error


def _copy(id: str) -> Path | None:
    """What was fetched earlier, though the hub cannot be reached or has it no more."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(id, local_files_only=True))
    except IncompleteSnapshotError as partial:
        return Path(partial.snapshot_path)  # what is not loaded was never fetched
    except LocalEntryNotFoundError:
        return None


def _why(error: BaseException, name: str) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return f"The model {name} has to be opened on its page on the hub first (set HF_TOKEN)."
    if isinstance(error, RepositoryNotFoundError):
        return f"The hub has no model {name}, or it is not open to you (HF_TOKEN)."
    return f"The hub cannot be reached and there is no copy of {name} here; check the network, or give a folder."


def weights_file(source: str, what: str, usual: str, beside: Callable[[str], Iterable[str]] = lambda file: ()) -> Path:
    """One .safetensors file by whatever names it.

    Args:
        source: The file, a folder that has it, a hub id, or that with the file's path (`owner/name/file.safetensors`).
        what: Says in errors what is looked for.
        usual: The file's usual name, which is taken where there are several.
        beside: Patterns of the hub's files that are needed with a file.

    Raises:
        EngineError: it is not there, or several are and none has the usual name.
    """
    path = Path(source).expanduser()
    if path.is_file():
        refuse_pickles(path)
        return path
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if is_weights(each.name)) or sorted(path.rglob(usual))
        return path / _one([str(each.relative_to(path)) for each in files], source, what, usual)
    id, inner = "/".join(source.split("/")[:2]), "/".join(source.split("/")[2:])
    if not is_id(id) or (inner and not is_weights(inner)):
        raise EngineError(f"There is no {what} at {source[:120]}; give a folder, a .safetensors file or a hub id.")
    chosen = inner

    def wanted(listed: list[str]) -> Iterable[str]:
        nonlocal chosen
        chosen = inner or _one([each for each in listed if is_weights(each)], source, what, usual)
        if chosen not in listed:
            raise EngineError(f"The hub's {id[:120]} has no file {inner[:120]}.")
        return [chosen, *beside(chosen)]

    folder = fetch(id, wanted)
    if not chosen:  # the hub did not answer, so that the copy on this disk says what there is
        chosen = _one(
            [str(each.relative_to(folder)) for each in folder.rglob("*") if is_weights(each.name)], source, what, usual
        )
    if not (folder / chosen).is_file():
        raise EngineError(f"The hub gives no {source[:120]} and there is no copy of it here; check the network.")
    return folder / chosen


def _one(found: list[str], source: str, what: str, usual: str) -> str:
    named = [each for each in found if each.rpartition("/")[2] == usual] or found
    if not named:
        raise EngineError(f"There is no {what} (a .safetensors file) in {source[:120]}.")
    if len(named) > 1:
        raise EngineError(
            f"There are several files in {source[:80]}; name the {what}, as {source[:80]}/{named[0][:80]}."
        )
    return named[0]
