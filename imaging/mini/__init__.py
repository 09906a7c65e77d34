"""The bundled picture model: its weights, what they know, and how they want to be run (docs/mini-model.md).

Importing this package does no work and loads no library.
"""

from pathlib import Path

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights"
VOCABULARY = HERE / "vocabulary.json"
DEFAULTS = HERE / "defaults.json"

__all__ = ["DEFAULTS", "HERE", "VOCABULARY", "WEIGHTS"]
