"""One file an engine. Only this package and `imaging.controls` import torch or diffusers."""
