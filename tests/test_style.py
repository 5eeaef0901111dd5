"""The looks: told apart in every colour vision or by dash and marker, and words that can be read in both themes."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from test_figures import EXPLORERS

from marginlib.drawing import style
from marginlib.drawing.style import FILLS, STROKES, THEMES, css, number_text, ticks

# Full loss of one kind of cone, on linear RGB. Source: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, A
# Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE TVCG 15(6), 2009, table 1, severity 1.0.
VISIONS = {
    "trichromat": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
APART = 20  # CIE 1976 distance: ten times what is just seen side by side


def linear(colour):
    """A colour #RRGGBB as linear light (IEC 61966-2-1)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    return [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]


def luminance(colour):
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(one, other):
    """The contrast ratio of WCAG 2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(colour, vision):
    """A colour as CIE L*a*b* under D65, as it is seen in a colour vision."""
    seen = [sum(m * c for m, c in zip(row, linear(colour), strict=True)) for row in VISIONS[vision]]
    seen = [min(1.0, max(0.0, each)) for each in seen]
    matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(m * c for m, c in zip(row, seen, strict=True)) for row in matrix]
    root = [
        each ** (1 / 3) if each > (6 / 29) ** 3 else each / (3 * (6 / 29) ** 2) + 4 / 29
        for each in (value / white for value, white in zip(xyz, (0.9505, 1.0, 1.089), strict=True))
    ]
    return (116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2]))


def distance(one, other):
    """The smallest distance of two colours in any colour vision."""
    pairs = [(lab(one, vision), lab(other, vision)) for vision in VISIONS]
    return min(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5 for pair in pairs)


def panels():
    return [panel for explorer in EXPLORERS for panel in explorer().panels]


def test_the_simulation_confuses_what_the_colour_blind_confuse():
    # Red and green of the same lightness, and blue and green of the same: far apart, near in one vision.
    assert distance("#C4453A", "#7A7A00") < APART < distance("#0072B2", "#D55E00")
    # White stays white in every vision: the rows of each matrix sum to one.
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for rows in VISIONS.values() for row in rows)


@pytest.mark.parametrize("theme", THEMES)
def test_lines_that_share_a_panel_differ_in_dashes_or_stay_apart_in_colour(theme):
    for panel in panels():
        named = [line.role for line in panel.lines if line.label]
        assert len(set(named)) == len(named)  # a look has one name; what shares it needs no name of its own
        for one, other in combinations({line.role for line in panel.lines}, 2):
            a, b = STROKES[one], STROKES[other]
            assert a.dashes != b.dashes or distance(getattr(a, theme), getattr(b, theme)) >= APART, (one, other)


@pytest.mark.parametrize("theme", THEMES)
def test_markers_that_share_a_panel_differ_in_shape_or_stay_apart_in_colour(theme):
    for panel in panels():
        for one, other in combinations({marker.role for marker in panel.markers}, 2):
            a, b = STROKES[one], STROKES[other]
            looks = [(each.marker, each.filled) for each in (a, b)]
            assert looks[0] != looks[1] or distance(getattr(a, theme), getattr(b, theme)) >= APART, (one, other)


def test_areas_that_share_a_panel_differ_in_hatching():
    for panel in panels():
        hatches = [FILLS[role].hatch for role in {area.role for area in panel.areas}]
        assert len(set(hatches)) == len(hatches)


@pytest.mark.parametrize("theme", THEMES)
def test_words_and_lines_have_contrast(theme):
    page = THEMES[theme]
    grounds = [page.page, *(getattr(fill, theme)[0] for fill in FILLS.values())]
    for ground in grounds:
        assert contrast(page.text, ground) >= 4.5
    assert contrast(page.muted, page.page) >= 4.5
    for role, stroke in STROKES.items():
        assert contrast(getattr(stroke, theme), page.page) >= 4.5, role
    for role, stroke in STROKES.items():
        assert min(contrast(getattr(stroke, theme), ground) for ground in grounds) >= 3, role  # graphics: WCAG 1.4.11


def test_every_role_that_is_drawn_has_a_look():
    for panel in panels():
        assert {each.role for each in (*panel.lines, *panel.markers)} <= set(STROKES)
        assert {area.role for area in panel.areas} <= set(FILLS)


def test_a_colour_stands_in_one_file():
    package = Path(style.__file__).parents[1]
    drawn = [path for folder in ("drawing", "course/figures") for path in (package / folder).glob("*.*")]
    named = re.compile(r"#[0-9A-Fa-f]{3,6}\b|\brgba?\(")
    assert [path.name for path in drawn if named.search(path.read_text(encoding="utf-8"))] == ["style.py"]


def test_the_browser_has_every_colour_in_both_themes():
    names = [{each.split(":")[0] for each in css(theme).split(";")} for theme in THEMES]
    assert names[0] == names[1]
    assert {f"--lm-{role}" for role in STROKES} <= names[0]


def test_ticks_are_round_inside_and_not_too_many():
    for span in ((0, 1), (-7, 3), (0.001, 0.0017), (-1e6, 5e7), (59_999, 60_001)):
        found = ticks(span, most=6)
        assert 3 <= len(found) <= 6
        assert span[0] <= found[0] <= found[-1] <= span[1]
        steps = {round((b - a) / (found[1] - found[0]), 9) for a, b in pairwise(found)}
        assert steps == {1}
        assert all(len(number_text(each)) <= 9 for each in found)
    assert ticks((5, 2_000), log=True) == (10, 100, 1_000)
