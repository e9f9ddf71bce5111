// What every page can do: light and dark, tables that sort, all unfolded on paper.
(() => {
  "use strict";
  const root = document.documentElement;

  function add(parent, tag, properties, text = "") {
    const element = Object.assign(document.createElement(tag), properties);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  function remembered(name, value) {
    try {
      if (value !== undefined) localStorage.setItem(name, value);
      return localStorage.getItem(name);
    } catch { // pages from disk may have no storage
      return null;
    }
  }

  const THEMES = ["auto", "light", "dark"];
  let theme = remembered("cyclebench-theme") ?? "auto";
  const button = add(document.getElementById("bar"), "button", { type: "button", id: "theme" });
  function applyTheme() {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    dispatchEvent(new Event("themechange"));
  }
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remembered("cyclebench-theme", theme);
    applyTheme();
  });
  applyTheme();

  // A cell's own text, without the small print below it; a number where it begins with one, of a
  // day its milliseconds.
  function key(row, column) {
    const own = [...row.cells[column].childNodes].filter((node) => node.nodeName !== "SPAN");
    const text = own.map((node) => node.textContent).join("").trim();
    const number = /^\d{4}-\d\d-\d\d$/.test(text)
      ? Date.parse(text)
      : Number.parseFloat(text.replaceAll(",", "").replace("\u2212", "-"));
    return { text, number };
  }

  function compare(a, b) {
    const [missingA, missingB] = [Number.isNaN(a.number), Number.isNaN(b.number)];
    if (missingA && missingB) return a.text.localeCompare(b.text, "en", { numeric: true });
    if (missingA || missingB) return missingA ? 1 : -1;
    return a.number - b.number;
  }

  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  function sortable(table) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.className = "sort";
      sorter.title = "Sort by this column";
      sorter.append(...head.childNodes);
      head.append(sorter);
      sorter.addEventListener("click", () => {
        const order = NEXT[head.ariaSort ?? "none"];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        const rows = [...original];
        if (order !== "none") {
          head.ariaSort = order;
          const sign = order === "ascending" ? 1 : -1;
          rows.sort((a, b) => sign * compare(key(a, column), key(b, column)));
        }
        body.append(...rows);
      });
    });
  }
  for (const table of document.querySelectorAll("table")) {
    if (table.tBodies[0].rows.length > 2) sortable(table);
  }

  // Only what does scroll is a stop for the keyboard.
  function stops() {
    for (const box of document.querySelectorAll(".scroll, .plot")) {
      box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
    }
  }
  addEventListener("resize", stops);
  addEventListener("load", stops);

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
})();
