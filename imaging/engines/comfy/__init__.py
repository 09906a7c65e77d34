"""A ComfyUI server: workflows with marked inputs, its HTTP and socket, and what it says when something is wrong."""
