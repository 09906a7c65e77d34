"""The tiny checkpoint of the engine tests, for measurements."""

from tests.imaging.engines.conftest import tiny_folder

__all__ = ["tiny_folder"]
