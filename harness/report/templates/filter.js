// Rows of a table chosen by what is in its columns. Without scripts all rows are there.
(() => {
  "use strict";
  const ALL = "";
  for (const [place, table] of document.querySelectorAll("table[data-filters]").entries()) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 2) continue;
    const controls = document.createElement("div");
    controls.className = "controls filters";
    controls.setAttribute("role", "group");
    controls.setAttribute("aria-label", "Rows shown");
    const count = document.createElement("output");
    const selects = table.dataset.filters.split(" ").map(Number).map((column) => {
      const parts = rows.map((row) => partsOf(row.cells[column]));
      const values = [...new Set(parts.flat())];
      values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      const label = document.createElement("label");
      const select = document.createElement("select");
      select.id = `filter-${place}-${column}`;
      const head = table.tHead.rows[0].cells[column];
      label.append(ownText(head), " ", select);
      select.append(new Option("all", ALL), ...values.map((value) => new Option(value)));
      select.addEventListener("change", show);
      if (values.length > 1) controls.append(label);
      return { select, parts };
    });
    if (!controls.children.length) continue;
    controls.append(count);
    table.parentElement.before(controls);
    show();

    function show() {
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !selects.every(({ select, parts }) =>
          select.value === ALL || parts[i].includes(select.value));
        shown += !row.hidden;
      });
      count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
      dispatchEvent(new Event("resize"));
    }
  }

  // Without small print; of a heading that sorts, what is on its button.
  function ownText(cell) {
    const inner = cell.querySelector(".sort") ?? cell;
    const own = [...inner.childNodes].filter((node) => node.nodeName !== "SPAN");
    return own.map((node) => node.textContent).join("").trim();
  }

  function partsOf(cell) {
    return ownText(cell).split(" \u00b7 ").filter(Boolean);
  }
})();
