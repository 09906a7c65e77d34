"""A label that people see: a line of small letters in a corner of the picture."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

WORDS = "Made with AI"
MIN_SIDE = 128
"""Pixels; in a smaller picture the letters could not be read."""


def labelled(image: Image.Image) -> Image.Image:
    """A picture with the label at the bottom right, white on a dark ground; one that is too small as it is."""
    if min(image.size) < MIN_SIDE:
        return image
    size = max(11, min(image.size) // 40)
    font = ImageFont.load_default(size)
    ground = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(ground)
    left, top, right, bottom = draw.textbbox((0, 0), WORDS, font=font)
    pad = size // 2
    x, y = image.width - (right - left) - 2 * pad, image.height - (bottom - top) - 2 * pad
    draw.rectangle((x, y, image.width, image.height), fill=(0, 0, 0, 150))
    draw.text((x + pad - left, y + pad - top), WORDS, font=font, fill=(255, 255, 255, 255))
    return Image.alpha_composite(image.convert("RGBA"), ground).convert(image.mode)
