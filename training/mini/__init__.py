"""The bundled picture model: its parts, the stages of its training, and the export of its weights."""
