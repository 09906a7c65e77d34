"""The tiny checkpoint of the engine tests, for the controls."""

from tests.imaging.engines.conftest import tiny_folder, tiny_parts

__all__ = ["tiny_folder", "tiny_parts"]
