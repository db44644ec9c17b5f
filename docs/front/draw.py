#!/usr/bin/python3
"""Draws front.svg from systems.json: accuracy on CIFAR-10 against the server's time for one image, ours and others'."""

import html
import json
import math
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 60, 20, 20, 50
OURS, OTHERS, GRID = "#0b6e4f", "#8a4b08", "#d8d8d8"


def axis(low, high, start, end, scale=lambda value: value):
    """A function from values to pixels."""
    first, last = scale(low), scale(high)
    return lambda value: start + (scale(value) - first) / (last - first) * (end - start)


def text(x, y, words, anchor="start", colour="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-family="sans-serif" font-size="13">{html.escape(words)}</text>')


def line(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GRID}"/>'


def grid(x, y, decades, percents):
    for decade in decades:
        yield line(x(decade), TOP, x(decade), HEIGHT - BOTTOM)
        yield text(x(decade), HEIGHT - BOTTOM + 18, f"{decade:g} s", "middle")
    for percent in percents:
        yield line(LEFT, y(percent), WIDTH - RIGHT, y(percent))
        yield text(LEFT - 8, y(percent) + 4, f"{percent} %", "end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "server's time for one image (logarithmic)", "middle")


def point(x, y, system):
    colour = OURS if system["ours"] else OTHERS
    at, height = x(system["seconds"]), y(system["accuracy"])
    title = f"<title>{html.escape(system['source'])}</title>"
    yield f'<circle cx="{at:.1f}" cy="{height:.1f}" r="5" fill="{colour}">{title}</circle>'
    side, anchor = (9, "start") if system.get("right") else (-9, "end")
    yield text(at + side, height + (4 if system["ours"] else 20), system["name"], anchor, colour)


def draw(systems):
    times = [system["seconds"] for system in systems]
    first, last = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    low, high = (2 * math.floor(min(s["accuracy"] for s in systems) / 2), 94)
    x = axis(10**first, 10**last, LEFT, WIDTH - RIGHT, math.log10)
    y = axis(low, high, HEIGHT - BOTTOM, TOP)
    parts = [*grid(x, y, [10**i for i in range(first, last + 1)], range(low, high + 1, 2))]
    for system in systems:
        parts += point(x, y, system)
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n')


if __name__ == "__main__":
    (HERE / "front.svg").write_text(draw(json.loads((HERE / "systems.json").read_text())))
