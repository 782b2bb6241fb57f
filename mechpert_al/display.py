"""How values show themselves in a notebook: plain tables of escaped text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

#: Rows shown before a table is cut, which is said.
MAX_ROWS = 60


def html_table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """Rows as an HTML table; every text is escaped.

    Parameters
    ----------
    rows
        All with the same keys, which become the header.
    caption
        A line above the table.
    """
    head = f"<caption>{escape(visible(caption))}</caption>" if caption else ""
    if not rows:
        return f"<table>{head}<tr><td>nothing to show</td></tr></table>"
    names = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in rows[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(visible(cell(value)))}</td>" for value in row.values())
        + "</tr>"
        for row in rows[:MAX_ROWS]
    )
    more = len(rows) - MAX_ROWS
    cut = f"<p>… and {more} more rows</p>" if more > 0 else ""
    return f"<table>{head}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>{cut}"


def cell(value: Any) -> str:
    """A value as short text: floats with four significant digits, sequences joined."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def visible(text: str) -> str:
    """Text in which nothing is hidden: controls and invisible format characters show their number.

    Right-to-left letters stay as they are; marks that would turn round what stands beside them, and
    characters without width, become ``⟨U+202E⟩``.
    """
    return "".join(
        f"⟨U+{ord(c):04X}⟩"
        if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"
        else c
        for c in text
    )
