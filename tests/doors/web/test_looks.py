"""Every city's colours can be read: at least 4.5:1 for text, measured as WCAG 2.2 does."""

import pytest

from stadtmail.doors.web.looks import PALETTES


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES)
def test_contrast(palette: tuple[str, str, str, str]) -> None:
    light, dark, deep, tint = palette
    assert _contrast(light, "#ffffff") >= 4.5
    assert _contrast(light, tint) >= 4.5
    assert _contrast(deep, "#ffffff") >= 7
    assert _contrast(dark, "#000000") >= 4.5
    assert _contrast(dark, "#1b1e2c") >= 4.5
