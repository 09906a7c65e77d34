"""The bundled picture model's world: what its pictures show, its captions, and the judge that reads it back."""
