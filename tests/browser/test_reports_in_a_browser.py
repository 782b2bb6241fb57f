"""Reports as people see and use them: in a browser, by mouse, keyboard and screen reader."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from tests.browser.conftest import N_AGENTS, SCRIPT

pytestmark = pytest.mark.browser


@pytest.fixture(params=["comparison", "campaign", "simulation", "demo"])
def report(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(f"{request.param}_page")


def column(page, table: str, number: int) -> list[str]:
    """Texts of a column in the order in which the rows stand, as far as they are shown."""
    return page.eval_on_selector_all(
        f"{table} tbody tr:not([hidden])",
        "(rows, n) => rows.map((row) => row.cells[n].textContent.trim())",
        number,
    )


# ---------------------------------------------------------------------- every report
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_offline_fits_and_says_nothing(opened, report, width, scheme):
    seen = opened(report, width, scheme)
    page = seen.page
    assert seen.messages == []
    assert [one for one in seen.requests if not one.startswith(("file:", "data:", "blob:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".failed").count() == 0
    charts = page.locator(".chart")
    assert charts.count() >= 1
    for chart in charts.all():
        assert chart.locator("svg").count() == 1
        box = chart.locator("svg").bounding_box()
        assert 100 < box["width"] <= width
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (brightness(ink) > brightness(paper)) == (scheme == "dark")
    axis = page.locator(".chart svg text").first
    assert brightness(axis.evaluate("text => getComputedStyle(text).fill")) == brightness(ink)


def brightness(colour: str) -> float:
    """Mean of red, green and blue of a computed colour."""
    return sum(float(part) for part in colour.strip("rgba()").split(",")[:3]) / 3


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(opened, report, width, scheme):
    pytest.importorskip("axe_playwright_python")
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page = opened(report, width, scheme).page
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.evaluate(axe)  # through the debugger, which the page's policy does not bind
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} ({one['nodes'][0]['failureSummary']})"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert len(found["passes"]) > 20


def test_it_is_small_and_refuses_foreign_scripts(opened, report):
    assert report.stat().st_size <= 3_000_000
    page = opened(report).page
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: \"document.title = 'owned'\"}))"
    )
    assert page.title() != "owned"
    assert page.evaluate("fetch('https://example.org').then(() => 'sent', () => 'refused')") == (
        "refused"
    )


def test_it_prints_dark_on_light_without_controls(opened, report):
    page = opened(report, scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert brightness(page.evaluate("getComputedStyle(document.body).color")) < 20
    assert not page.locator("nav").is_visible()
    assert not page.locator(".filter").first.is_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_keyboard_alone_reaches_and_sorts(opened, report):
    page = opened(report).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    button = page.locator(".data table thead button:visible").first
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("one => one === document.activeElement"):
            break
    assert button.evaluate("one => one === document.activeElement")
    outline = button.evaluate("one => getComputedStyle(one).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    head = button.locator("xpath=..")
    first = head.get_attribute("aria-sort")
    page.keyboard.press("Space")
    assert {first, head.get_attribute("aria-sort")} == {"ascending", "descending"}


# ---------------------------------------------------------------------- the comparison
def strategies_table(page) -> str:
    found = page.locator("section", has=page.get_by_role("heading", name="All strategies"))
    return f"#{found.locator('table').first.get_attribute('id')}"


def test_tables_sort_by_number_and_by_name(opened, comparison_page):
    page = opened(comparison_page).page
    table = strategies_table(page)
    before = column(page, table, 1)
    score = page.locator(f"{table} thead button", has_text="score")
    score.click()
    falling = column(page, table, 1)
    assert [float(text.split()[0]) for text in falling] == sorted(
        (float(text.split()[0]) for text in before), reverse=True
    )
    score.click()
    assert column(page, table, 1) == falling[::-1]
    page.locator(f"{table} thead button", has_text="strategy").click()
    names = column(page, table, 0)
    assert names == sorted(names)
    page.locator(f"{table} thead button", has_text="over random").click()
    assert column(page, table, 2)[-1] == ""  # random itself has none and comes last


def test_pointing_at_a_chart_tells_its_numbers(opened, comparison_page):
    page = opened(comparison_page).page
    marks = page.locator("figure").first.locator("svg .mark-symbol.role-mark path")
    marks.first.scroll_into_view_if_needed()
    marks.last.hover(force=True)
    tip = page.locator("#vg-tooltip-element")
    tip.wait_for(state="visible")
    for word in ("strategy", "mean"):
        assert word in tip.inner_text()


def test_a_chart_is_saved_as_svg_and_png(opened, comparison_page, tmp_path):
    page = opened(comparison_page).page
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as waiting:
            page.locator(".save button", has_text=f"Save {kind}").first.click()
        place = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(place)
        assert place.read_bytes().startswith(start)
        assert place.suffix == f".{kind.lower()}"


# ---------------------------------------------------------------------- the campaign
def test_rows_are_filtered_by_all_words(opened, campaign_page):
    page = opened(campaign_page).page
    table = page.locator("table", has=page.locator("caption", has_text="Agents of the panel"))
    name = f"#{table.get_attribute('id')}"
    assert len(column(page, name, 0)) == N_AGENTS
    box = page.get_by_label("Filter rows").nth(
        [one.get_attribute("id") for one in page.locator(".filter input").all()].index(
            f"{name[1:]}-filter"
        )
    )
    box.fill("agent17 mechanism")
    kept = column(page, name, 0)
    assert kept
    assert all("agent17" in one for one in kept)
    told = table.locator("xpath=ancestor::div[@class='data']").locator(".filter p")
    assert told.inner_text() == f"{len(kept)} of {N_AGENTS} rows"
    box.fill("")
    assert len(column(page, name, 0)) == N_AGENTS


def test_a_gene_is_found_on_the_map(opened, campaign_page, hostile_campaign):
    page = opened(campaign_page).page
    gene = next(iter(hostile_campaign.state.pending))
    box = page.get_by_label("Search for a gene")
    box.fill(gene.lower())
    answer = page.locator(".search .answer")
    assert answer.inner_text().startswith(f"{gene}: pending")
    assert "round" in answer.inner_text()
    chart = page.locator("figure[data-name=map] svg")
    chart.locator("text", has_text=gene).first.wait_for()
    box.fill("toy1")
    assert answer.inner_text().startswith("Genes with toy1: TOY")
    box.fill("NOGENE")
    assert answer.inner_text() == "No gene here is called NOGENE."


def test_pointing_at_the_map_tells_gene_and_why(opened, campaign_page, hostile_campaign):
    page = opened(campaign_page).page
    page.locator("figure[data-name=map]").scroll_into_view_if_needed()
    page.locator("figure[data-name=map] svg .mark-symbol.role-mark path").first.hover(force=True)
    tip = page.locator("#vg-tooltip-element")
    tip.wait_for(state="visible")
    text = tip.inner_text()
    assert any(gene in text for gene in hostile_campaign.candidates)
    assert "why" in text


def test_hostile_text_is_text(opened, campaign_page):
    page = opened(campaign_page).page
    assert page.title() == "Campaign campaign"
    assert page.locator("img, iframe, object").count() == 0
    assert page.locator("script:not([type])").count() == 2  # the library and our own
    text = page.locator("main").inner_text()
    assert SCRIPT[:40] in text
    assert "⟨U+202E⟩gnitirw" in text
    assert "zero⟨U+200B⟩width" in text
    assert "\u202e" not in page.content()
    assert "עברית" in page.content()
    assert page.locator(".banner").inner_text().count("<script>") == 1
    long = page.locator("td details", has_text="long story").first
    assert long.evaluate("one => one.open") is False
