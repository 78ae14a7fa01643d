"""A picture for an article: a landscape drawn from its slug, so that pages have images without files."""

from __future__ import annotations

import random

WIDTH, HEIGHT = 1200, 630
SKIES = (("#f6d9b0", "#c9704a"), ("#bfd9e8", "#4d7ea8"), ("#e9e2c8", "#8a9a5b"), ("#d8c7e0", "#5d4e7b"))


def draw(slug: str) -> bytes:
    """An SVG of WIDTH x HEIGHT: sky, sun and three ranges of hills; the same for the same slug."""
    rng = random.Random(slug)
    light, dark = rng.choice(SKIES)
    sun_x, sun_y = rng.randint(150, 1050), rng.randint(90, 260)
    hills = "".join(_hill(rng, 300 + 90 * layer, 0.35 + 0.3 * layer, dark) for layer in range(3))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="100%" height="100%" fill="{light}"/>'
        f'<circle cx="{sun_x}" cy="{sun_y}" r="62" fill="#fff6e0"/>{hills}</svg>'
    ).encode()


def _hill(rng: random.Random, top: int, opacity: float, colour: str) -> str:
    points = " ".join(f"{x},{top + rng.randint(-55, 55)}" for x in range(0, WIDTH + 1, 150))
    return f'<polygon points="0,{HEIGHT} {points} {WIDTH},{HEIGHT}" fill="{colour}" opacity="{opacity:.2f}"/>'
