"""A report as one HTML file that asks for nothing from outside itself.

The page carries its own style, its own script and the drawing library (Vega, from
vl-convert-python). Its Content-Security-Policy names these by their hashes and allows nothing
else: no request, no other script, no evaluated text (charts run in Vega's interpreter).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al import __version__, atomic
from mechpert_al.datasets import cache_dir
from mechpert_al.display import visible
from mechpert_al.report.cards import SHOWN_TEXT, Card, Failure, Figure, made

#: Colour of ink in our charts; on the page it follows the colour of the text, light or dark.
INK = "#000000"
#: Packages whose version a report states.
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "anndata", "modAL-python", "altair")


class Written(NamedTuple):
    """A report that was written, and the cards in it that failed."""

    path: Path
    failures: tuple[Failure, ...]

    def lines(self) -> list[str]:
        """The failures in words."""
        return [f"{self.path.name}: the part {f.card!r} failed: {f.why}" for f in self.failures]


def write_page(
    path: str | Path,
    title: str,
    cards: Sequence[Card],
    *,
    lead: str = "",
    banner: Sequence[str] = (),
) -> Written:
    """Write a report, whole or not at all.

    Parameters
    ----------
    path
        The HTML file.
    title
        Its heading.
    cards
        What it shows, in order.
    lead
        A sentence under the heading.
    banner
        What must be seen before anything else: inputs that are simulated or recorded.
    """
    text, failures = page(title, cards, lead=lead, banner=banner)
    atomic.write_bytes(Path(path), text.encode())
    return Written(Path(path), failures)


def page(
    title: str, cards: Sequence[Card], *, lead: str = "", banner: Sequence[str] = ()
) -> tuple[str, tuple[Failure, ...]]:
    """The text of a report, and the cards that failed."""
    shown = [made(card) for card in cards]
    charts = any(isinstance(part, Figure) for card in shown for part in card.parts)
    style, script = _resource("page.css"), _resource("page.js")
    library = _library() if charts else ""
    policy = (
        f"default-src 'none'; style-src {_source(style)}; "
        f"script-src {' '.join(_source(code) for code in (script, library) if code)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    text = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            title=title,
            lead=lead,
            banner=banner,
            cards=shown,
            policy=policy,
            style=style,
            script=script,
            library=library,
            version=__version__,
            shown_text=SHOWN_TEXT,
        )
    )
    return text, tuple(Failure(card.title, card.failure) for card in shown if card.failure)


def versions() -> list[tuple[str, str]]:
    """Name and version of what computed the numbers."""
    import platform

    found = [("mechpert-al", __version__), ("Python", platform.python_version())]
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return found


# ---------------------------------------------------------------------- parts of the page
@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mechpert_al.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = lambda text: visible(str(text))
    environment.filters["inked"] = inked
    environment.tests["figure"] = lambda part: isinstance(part, Figure)
    environment.tests["table"] = lambda part: type(part).__name__ == "Table"
    return environment


def inked(chart: Any) -> Any:
    """A specification in which our ink is the colour of the surrounding text; data stay."""
    if isinstance(chart, dict):
        return {
            key: value if key in ("datasets", "data") else inked(value)
            for key, value in chart.items()
        }
    if isinstance(chart, list):
        return [inked(value) for value in chart]
    return "currentColor" if chart == INK else chart


def _resource(name: str) -> str:
    return (files("mechpert_al.report") / "templates" / name).read_text(encoding="utf-8")


def _source(code: str) -> str:
    """An inline script or style as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; bundling takes seconds, so it is kept."""
    import vl_convert

    place = cache_dir() / "report" / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError, UnicodeDecodeError):
        kept = place.read_text(encoding="utf-8")
        if "window.vegaEmbed" in kept[-200:]:
            return kept
    bundle: Any = vl_convert.javascript_bundle  # without a snippet it bundles all three
    bundled: str = bundle().replace("</script", "<\\/script")
    with suppress(OSError):
        atomic.write_bytes(place, bundled.encode())
    return bundled
