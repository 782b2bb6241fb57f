"use strict";
// Tables that sort and filter, charts, and the search in a chart. Text only ever enters the page
// as text; there is no innerHTML here.
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const make = (name, attributes = {}, text = "") => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  const FILTERED_FROM = 9; // rows

  // ---------------------------------------------------------------- tables
  function keyOf(row, column) {
    const cell = row.cells[column];
    if (!cell) return "";
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  }
  function compare(one, other, falling) {
    const empty = (one === "") - (other === ""); // what is empty comes last either way
    if (empty) return empty;
    const order =
      typeof one === "number" && typeof other === "number"
        ? one - other
        : String(one).localeCompare(String(other), "en", { numeric: true });
    return falling ? -order : order;
  }
  function sort(table, column) {
    const heads = all("thead th", table);
    const head = heads[column];
    const before = head.getAttribute("aria-sort");
    const falling = before ? before === "ascending" : head.classList.contains("n");
    for (const one of heads) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows).map((row) => [keyOf(row, column), row]);
    rows.sort((a, b) => compare(a[0], b[0], falling));
    body.append(...rows.map((pair) => pair[1]));
  }
  function filter(table, text, told) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = Array.from(table.tBodies[0].rows);
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    told.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  }
  for (const table of all(".data table")) {
    const rows = table.tBodies[0].rows;
    for (const cell of all("td:not(.n)", table))
      if (cell.textContent.length > 90) cell.classList.add("long");
    if (rows.length < 2) continue;
    all("thead th", table).forEach((head, column) => {
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(table, column));
    });
    if (rows.length < FILTERED_FROM) continue;
    const bar = make("div", { class: "filter" });
    const input = make("input", { type: "search", id: `${table.id}-filter`, autocomplete: "off" });
    const told = make("p", { role: "status" }, `${rows.length} rows`);
    bar.append(make("label", { for: input.id }, "Filter rows"), input, told);
    input.addEventListener("input", () => filter(table, input.value, told));
    table.closest(".data").prepend(bar);
  }
  addEventListener("beforeprint", () => all("details").forEach((one) => (one.open = true)));

  // ---------------------------------------------------------------- charts
  const OPTIONS = {
    actions: false, ast: true, renderer: "svg", defaultStyle: false, logLevel: 1,
    tooltip: { theme: "custom", disableDefaultStyle: true, maxDepth: 1 },
    config: { background: null },
  };
  function saveButtons(view, name) {
    const bar = make("div", { class: "save" });
    for (const kind of ["svg", "png"]) {
      const button = make("button", { type: "button" }, `Save ${kind.toUpperCase()}`);
      button.setAttribute("aria-label", `Save ${name} as ${kind.toUpperCase()}`);
      button.addEventListener("click", async () => {
        const address = await view.toImageURL(kind, kind === "png" ? 4 : 1);
        make("a", { href: address, download: `${name}.${kind}` }).click();
      });
      bar.append(button);
    }
    return bar;
  }
  function searchIn(figure, view) {
    const input = figure.querySelector(".search input");
    if (!input) return;
    const details = JSON.parse(figure.querySelector("script.details").textContent);
    const names = new Map(Object.keys(details).map((name) => [name.toLowerCase(), name]));
    const answer = figure.querySelector(".answer");
    input.addEventListener("input", () => {
      const wanted = input.value.trim();
      const name = names.get(wanted.toLowerCase());
      answer.textContent = name ? details[name] : wanted ? near(wanted, names) : "";
      view.signal("searched", name || "").runAsync();
    });
  }
  function near(wanted, names) {
    const found = [...names].filter(([key]) => key.includes(wanted.toLowerCase())).map((p) => p[1]);
    if (!found.length) return `No gene here is called ${wanted}.`;
    return `Genes with ${wanted}: ${found.slice(0, 8).join(", ")}${found.length > 8 ? " …" : ""}`;
  }
  async function draw(figure) {
    const chart = figure.querySelector(".chart");
    const specification = JSON.parse(figure.querySelector("script.spec").textContent);
    const { view } = await window.vegaEmbed(chart, specification, OPTIONS);
    // the chart as a whole has its text (role img), so its hundreds of marks need none
    for (const svg of all("svg", chart)) svg.setAttribute("aria-hidden", "true");
    figure.append(saveButtons(view, figure.dataset.name));
    searchIn(figure, view);
  }
  async function drawAll() {
    for (const figure of all("figure[data-name]")) {
      try {
        await draw(figure);
      } catch (error) {
        const chart = figure.querySelector(".chart");
        chart.replaceChildren(make("p", { class: "failed" }, `This chart failed: ${error.message}`));
        console.error(error);
      }
    }
    document.documentElement.dataset.drawn = "yes";
  }
  drawAll();
})();
