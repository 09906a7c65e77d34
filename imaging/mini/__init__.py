"""The bundled picture model: its weights, what they know, and the scripts that made them.

Importing this package does no work and loads no library; the training modules import torch themselves.
"""

from pathlib import Path

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights"
VOCABULARY = HERE / "vocabulary.json"
DEFAULTS = HERE / "defaults.json"

__all__ = ["DEFAULTS", "HERE", "VOCABULARY", "WEIGHTS"]
