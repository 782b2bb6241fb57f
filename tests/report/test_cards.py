"""Cards and pages: a card that fails, hidden characters, and what a page allows."""

from __future__ import annotations

import base64
import hashlib
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al.display import html_table, visible
from mechpert_al.errors import DataError
from mechpert_al.report.cards import Card, Column, Figure, Table, Words, as_cell, with_interval
from mechpert_al.report.page import inked, page, write_page

GOOD = Card("Good", lambda: [Words(["all is well"])])


def fails():
    raise DataError("effects.h5ad: no such file", "hint")


def bug():
    return [Words(["never shown"]), {}["what nobody foresaw"]]


def test_a_card_that_fails_says_so_and_the_others_render(tmp_path):
    cards = [Card("Bad <b>", fails), GOOD, Card("Buggy", bug)]
    written = write_page(tmp_path / "report.html", "Title", cards)
    text = written.path.read_text(encoding="utf-8")
    assert [(one.card, one.why) for one in written.failures] == [
        ("Bad <b>", "effects.h5ad: no such file"),
        ("Buggy", "KeyError: 'what nobody foresaw'"),
    ]
    assert len(written.lines()) == 2
    assert text.count("This part failed:") == 2
    assert "effects.h5ad: no such file" in text
    assert "all is well" in text
    assert "never shown" not in text
    assert "Bad <b>" not in text


def test_a_chart_that_is_no_json_fails_in_its_card():
    chart = Card("Chart", lambda: [Figure("x", {"data": float("nan")}, "alt")])
    text, failures = page("Title", [chart, GOOD])
    assert [one.card for one in failures] == ["Chart"]
    assert "all is well" in text


@pytest.mark.parametrize("with_chart", [True, False])
def test_the_policy_names_exactly_what_is_in_the_page(with_chart):
    figure = Card("Chart", lambda: [Figure("x", {"mark": "</script><script>"}, "alt")])
    text, failures = page("Title", [figure] if with_chart else [GOOD])
    assert failures == ()
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]*)"', text)[1])
    inline = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, flags=re.DOTALL)
    assert len(inline) == (3 if with_chart else 2)
    hashes = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline}
    assert set(re.findall(r"'sha256-([^']*)'", policy)) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_tables_hold_text_and_what_they_are_sorted_by():
    row = {"value": 0.5, "low": 0.25, "high": 0.75}
    table = Table("A & B", [Column("name"), Column("n", True)], [("<i>", with_interval(row))])
    text, _ = page("Title", [Card("Card", lambda: [table])])
    assert "<bdi>&lt;i&gt;</bdi>" in text
    assert 'data-value="0.5"' in text
    assert "0.500 [0.250, 0.750]" in text
    assert "A &amp; B" in text


def test_cells():
    assert as_cell(None).text == ""
    assert as_cell(float("nan")) == ("", None)
    assert as_cell(True).text == "yes"
    assert as_cell(3) == ("3", 3.0)
    assert as_cell(("a", "b")).text == "a, b"
    assert with_interval(None).text == ""
    assert with_interval({"value": 1.0, "low": None, "high": None}).text == "1.000 [no interval]"


@given(st.text())
def test_nothing_hidden_stays_hidden(text):
    shown = visible(text)
    assert not set(shown) & set(
        "\u200b\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2069\ufeff\x1b\0"
    )
    shown.encode()  # lone surrogates cannot be written
    assert "\u202e" not in html_table([{"a": text}], caption=text)


def test_letters_of_any_script_stay():
    assert visible("עברית µ 中文 TP53\n\t") == "עברית µ 中文 TP53\n\t"
    assert visible("a\u202eb") == "a⟨U+202E⟩b"


def test_ink_follows_the_page_but_data_do_not():
    chart = {"config": {"color": "#000000"}, "data": {"values": [{"c": "#000000"}]}}
    assert inked(chart) == {
        "config": {"color": "currentColor"},
        "data": {"values": [{"c": "#000000"}]},
    }
