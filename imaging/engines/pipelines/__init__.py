"""What the engine `diffusers` is made of; nothing here loads torch but `opening`, `drawing` and `previews`."""
