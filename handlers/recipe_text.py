"""A picture's recipe in words, for the person who asks "what is this?"."""

from __future__ import annotations

from handlers.model import Picture


def recipe_text(picture: Picture) -> str:
    """One fact a line; a fact that does not apply is left out."""
    head = f"Picture {picture.number} ({picture.operation.value}) by {picture.person.name}: {picture.description}"
    recipe = picture.recipe
    if recipe is None:
        return f"{head}\nSize: {picture.width} × {picture.height}"
    made_from = ", ".join(str(number) for number in picture.parents)
    control = recipe.control
    facts = {
        "Made from": f"picture {made_from}" if made_from else "",
        "Prompt": recipe.prompt,
        "Without": recipe.negative_prompt,
        "Style": recipe.style or "",
        "Seed": str(recipe.seed),
        "Engine": f"{recipe.engine}, {recipe.model}",
        "Size": f"{picture.width} × {picture.height}",
        "Sampler": f"{recipe.sampler}, {recipe.num_inference_steps} steps, guidance {recipe.guidance_scale:g}",
        "Control": "" if control is None else f"{control.technique.value} ({control.strength:g}): {control.reason}",
    }
    lines = [f"{name}: {fact}" for name, fact in facts.items() if fact]
    return "\n".join([head, *lines, *recipe.notes])
