// Loss curves to zoom in: any term, in any convention, drawn by uPlot from the data in the page.
(() => {
  "use strict";
  const source = document.getElementById("curves");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const $ = (name) => document.getElementById(`chart-${name}`);
  const [area, termSelect, smoothing] = [$("area"), $("term"), $("smoothing")];
  const shown = data.series.map(() => true);
  let plot = null;
  let range = null; // of steps; null: all of them

  data.terms.forEach((term, i) => termSelect.add(new Option(term.title, i)));
  const radios = data.conventions.map((name) => {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), {
      type: "radio", name: "convention", value: name, checked: name === "mean",
    });
    label.append(radio, name);
    $("convention").append(label);
    return radio;
  });
  const outputs = data.series.map((series, i) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = series.colour;
    const output = document.createElement("output");
    label.append(box, swatch, series.title, " ", output);
    $("series").append(label);
    box.addEventListener("change", () => {
      shown[i] = box.checked;
      plot.setSeries(i + 1, { show: box.checked });
    });
    return output;
  });

  const term = () => data.terms[termSelect.value];
  const convention = () => radios.find((radio) => radio.checked).value;
  const logarithmic = () => document.querySelector("input[name=scale]:checked").value === "log";

  // Mean over so many points to either side, of what is there.
  function smoothed(values, reach) {
    if (!reach) return values;
    return values.map((value, i) => {
      if (value === null) return null;
      const near = values.slice(Math.max(0, i - reach), i + reach + 1).filter((v) => v !== null);
      return near.reduce((sum, each) => sum + each, 0) / near.length;
    });
  }

  function tables() {
    const { values, factors } = term();
    const factor = factors[convention()];
    // The same share of every curve, so that a short one is not flattened.
    const longest = Math.max(...data.steps.map((steps) => steps.length));
    const share = Number(smoothing.value) / longest;
    return values.map((curve, i) => {
      const reach = Math.round(share * data.steps[i].length);
      const scaled = smoothed(curve ?? data.steps[i].map(() => null), reach)
        .map((value) => (value === null ? null : value * factor))
        .map((value) => (logarithmic() && value <= 0 ? null : value));
      return [data.steps[i], scaled];
    });
  }

  // As swatches are in the dark: nearly half white, or blue on black could hardly be seen.
  function tone(colour, dark) {
    if (!dark) return colour;
    const parts = colour.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
    return `rgb(${parts.map((part) => Math.round(part + 0.45 * (255 - part))).join(" ")})`;
  }

  // The ends of a log axis: no whole decades, which could leave most of it empty.
  function around(low, high) {
    if (!(low > 0)) return [0.1, 1];
    const room = Math.max(1.01, (high / low) ** 0.05);
    return [low / room, high * room];
  }

  // On a log axis: 1, 2 and 5 of each decade, of many decades 1 alone; of less than one even steps.
  function splits(_, axis, low, high) {
    const decades = Math.log10(high / low);
    const exact = (value) => Number(value.toPrecision(12));
    const found = [];
    if (decades < 1) {
      const least = (high - low) / 5;
      const power = 10 ** Math.floor(Math.log10(least));
      const step = power * [1, 2, 5, 10].find((times) => times * power >= least);
      for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(exact(i * step));
    } else {
      for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
        for (const times of decades > 4 ? [1] : [1, 2, 5]) found.push(exact(times * 10 ** decade));
      }
    }
    return found.filter((value) => value >= low && value <= high);
  }

  function draw() {
    const ink = getComputedStyle(document.body);
    const dark = Number(ink.color.match(/\d+/)[0]) > 127;
    const line = getComputedStyle(document.querySelector("thead th") ?? document.body).borderBottomColor;
    const axis = { stroke: ink.color, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    plot?.destroy();
    plot = new uPlot({
      width: area.clientWidth,
      height: Math.min(420, Math.max(260, area.clientWidth * 0.42)),
      legend: { show: false },
      cursor: { drag: { x: true, y: false } },
      scales: {
        x: { time: false },
        y: logarithmic()
          ? { distr: 3, range: (_, low, high) => around(low, high) }
          : { range: (_, low, high) => [Math.min(0, low), high * 1.05 || 1] },
      },
      axes: [{ ...axis, label: "step" }, {
        ...axis, size: 74, label: convention(),
        ...(logarithmic() && { splits, filter: (_, all) => all, values: (_, all) => all.map(String) }),
      }],
      series: [{}, ...data.series.map((series, i) => ({
        label: series.title, stroke: tone(series.colour, dark), width: 1.6, spanGaps: true,
        dash: series.dashed ? [6, 4] : undefined, show: shown[i], points: { show: false },
      }))],
      hooks: { setCursor: [read], setScale: [(_, scale) => scale === "x" && remember()] },
    }, uPlot.join(tables()), area);
    if (range) plot.setScale("x", range);
  }

  function read(drawn) {
    const at = drawn.cursor.idx;
    outputs.forEach((output, i) => {
      const value = at === null || at === undefined ? null : drawn.data[i + 1][at];
      output.textContent = typeof value === "number" ? `${value.toPrecision(4)} at ${drawn.data[0][at]}` : "";
    });
  }

  function ends() {
    const steps = data.steps.flat();
    return [Math.min(...steps), Math.max(...steps)];
  }

  function remember() {
    const { min, max } = plot?.scales.x ?? {};
    if (min === undefined || min === null) return;
    const [first, last] = ends();
    range = min <= first && max >= last ? null : { min, max };
  }

  // Around the middle by a factor, or moved by a share of what is seen; never beyond the ends.
  function look(factor, shift) {
    const [first, last] = ends();
    const { min, max } = plot.scales.x;
    const width = Math.min((max - min) * factor, last - first);
    const middle = (min + max) / 2 + shift * (max - min);
    const from = Math.min(Math.max(first, middle - width / 2), last - width);
    plot.setScale("x", { min: from, max: from + width });
  }

  function chooseTerm() {
    for (const radio of radios) radio.disabled = !(radio.value in term().factors);
    if (radios.find((radio) => radio.checked).disabled) radios.find((radio) => !radio.disabled).checked = true;
    draw();
  }

  $("in").addEventListener("click", () => look(0.5, 0));
  $("out").addEventListener("click", () => look(2, 0));
  $("left").addEventListener("click", () => look(1, -0.25));
  $("right").addEventListener("click", () => look(1, 0.25));
  $("reset").addEventListener("click", () => {
    range = null;
    draw();
  });
  termSelect.addEventListener("change", chooseTerm);
  smoothing.addEventListener("input", draw);
  for (const radio of [...radios, ...document.querySelectorAll("input[name=scale]")]) {
    radio.addEventListener("change", draw);
  }
  addEventListener("resize", draw);
  addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.getElementById("chart").hidden = false;
  chooseTerm();
})();
