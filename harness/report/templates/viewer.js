// Any test image large: all columns side by side, one laid over another, or what differs.
(() => {
  "use strict";
  const rows = [];
  for (const gallery of document.querySelectorAll(".gallery")) {
    const columns = gallery.querySelectorAll(".head").length;
    const tiles = [...gallery.querySelectorAll("img")];
    for (let start = 0; start < tiles.length; start += columns) {
      const row = { gallery, tiles: tiles.slice(start, start + columns) };
      const place = rows.push(row) - 1;
      for (const [column, tile] of row.tiles.entries()) makeButton(tile, place, column);
    }
  }
  if (!rows.length) return;

  function makeButton(tile, row, column) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "tile";
    button.title = "Enlarge";
    tile.replaceWith(button);
    button.append(tile);
    button.addEventListener("click", () => open(row, column));
  }

  const dialog = document.createElement("dialog");
  dialog.id = "viewer";
  dialog.setAttribute("aria-labelledby", "viewer-title");
  dialog.innerHTML = `
    <div class="viewer-head"><strong id="viewer-title"></strong>
      <span class="buttons"><button type="button" id="viewer-previous">← Previous</button>
      <button type="button" id="viewer-next">Next →</button>
      <button type="button" id="viewer-close">Close</button></span></div>
    <div class="controls">
      <fieldset><legend>View</legend>
        <label><input type="radio" name="view" value="all" checked>side by side</label>
        <label><input type="radio" name="view" value="slider">slider</label>
        <label><input type="radio" name="view" value="difference">difference</label></fieldset>
      <label class="two">Of <select id="viewer-first"></select></label>
      <label class="two">and <select id="viewer-second"></select></label>
      <label>Zoom <input type="range" id="viewer-zoom" min="1" max="8" step="0.5" value="1"></label>
      <label class="slide">Slider
        <input type="range" id="viewer-slider" min="0" max="100" value="50"></label>
      <label class="amplify">Times
        <input type="range" id="viewer-times" min="1" max="32" value="8">
        <output id="viewer-factor">8</output></label>
    </div>
    <div id="viewer-stage" tabindex="0" role="group" aria-label="Images"></div>
    <p class="soft" id="viewer-note"></p>`;
  document.body.append(dialog);
  const $ = (name) => document.getElementById(`viewer-${name}`);
  const [stage, first, second] = [$("stage"), $("first"), $("second")];
  let shown = 0;

  const view = () => dialog.querySelector("input[name=view]:checked").value;
  const chosen = () => [rows[shown].tiles[first.value], rows[shown].tiles[second.value]];

  function fillSelects(column) {
    for (const select of [first, second]) {
      select.replaceChildren(
        ...rows[shown].tiles.map((tile, i) => new Option(tile.dataset.column, i)),
      );
    }
    const last = rows[shown].tiles.length - 1;
    // The two backends, which follow the original; or the one asked for, and what was clicked on.
    [first.value, second.value] = last > 1 ? [1, column > 1 ? column : 2] : [0, last];
  }

  function picture(tile) {
    const image = new Image();
    image.src = tile.src;
    image.alt = tile.alt;
    return image;
  }

  function figure(content, caption) {
    const box = document.createElement("figure");
    const words = document.createElement("figcaption");
    words.textContent = caption;
    box.append(content, words);
    return box;
  }

  function sideBySide() {
    return rows[shown].tiles.map((tile) => figure(picture(tile), tile.dataset.column));
  }

  function slider() {
    const [under, over] = chosen();
    const both = document.createElement("div");
    both.className = "both";
    both.append(picture(under), picture(over));
    return [figure(both, `left ${under.dataset.column}, right ${over.dataset.column}`)];
  }

  // Mean over pixels and channels of |first - second|, and its picture times a factor.
  function difference() {
    const [a, b] = chosen().map(pixels);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [a.width, a.height];
    const out = new ImageData(a.width, a.height);
    const factor = Number($("times").value);
    let sum = 0;
    for (let i = 0; i < out.data.length; i += 4) {
      for (let channel = 0; channel < 3; channel += 1) {
        const gap = Math.abs(a.data[i + channel] - b.data[i + channel]);
        sum += gap;
        out.data[i + channel] = gap * factor;
      }
      out.data[i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(out, 0, 0);
    const mean = sum / (0.75 * out.data.length);
    const [one, other] = chosen().map((tile) => tile.dataset.column);
    return [figure(canvas, `|${one} \u2212 ${other}| times ${factor}; mean ${mean.toFixed(2)} of 255`)];
  }

  function pixels(tile) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [tile.naturalWidth, tile.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(tile, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  const sameSize = () => {
    const [a, b] = chosen();
    return a.naturalWidth === b.naturalWidth && a.naturalHeight === b.naturalHeight;
  };

  function show() {
    const { gallery, tiles } = rows[shown];
    const kind = view();
    dialog.dataset.view = kind;
    dialog.classList.toggle("pixelated", gallery.classList.contains("pixelated"));
    $("title").textContent = `${gallery.dataset.title}, test image ${tiles[0].dataset.image}`;
    $("factor").textContent = $("times").value;
    const two = kind !== "all";
    if (two && !sameSize()) {
      stage.replaceChildren("These two are not of one size: nothing to lay over each other.");
    } else {
      stage.replaceChildren(...{ all: sideBySide, slider, difference }[kind]());
    }
    const lossy = tiles.some((tile) => tile.src.startsWith("data:image/jpeg"));
    $("note").textContent = lossy && kind === "difference"
      ? "Computed from the JPEGs of this page: a few levels are compression, not the models." : "";
    move();
  }

  function move() {
    const zoom = Number($("zoom").value);
    const natural = rows[shown].tiles[0].naturalWidth;
    const count = view() === "all" ? rows[shown].tiles.length : 1;
    const fitting = Math.min(512, Math.max(120, (stage.clientWidth - 12 * count) / count));
    stage.style.setProperty("--width", `${Math.max(natural, fitting) * zoom}px`);
    stage.style.setProperty("--split", `${$("slider").value}%`);
  }

  function open(row, column) {
    shown = row;
    fillSelects(column);
    dialog.showModal();
    show();
  }

  function step(by) {
    const before = rows[shown].tiles.map((tile) => tile.dataset.column).join();
    shown = (shown + by + rows.length) % rows.length;
    if (rows[shown].tiles.map((tile) => tile.dataset.column).join() !== before) fillSelects(0);
    show();
  }

  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => dialog.close());
  for (const each of [first, second, $("times")]) each.addEventListener("input", show);
  for (const each of dialog.querySelectorAll("input[name=view]")) {
    each.addEventListener("change", () => {
      if (each.value === "difference" && rows[shown].tiles.length > 2) {
        [first.value, second.value] = [1, 2];
      }
      show();
    });
  }
  for (const each of [$("zoom"), $("slider")]) each.addEventListener("input", move);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (/^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });
  addEventListener("resize", () => dialog.open && move());
})();
