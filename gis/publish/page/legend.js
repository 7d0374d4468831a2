// the legend, which is the layer control, and the list of what the consultation is about

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function lineSwatch(symbol) {
  const across = { x1: 1, y1: 8, x2: 25, y2: 8, "stroke-linecap": "butt" };
  const width = Math.max(1.6, Math.min(4, symbol.width));
  const parts = [];
  if (symbol.casing) parts.push(svg("line", { ...across, stroke: symbol.casing, "stroke-width": width + 2 }));
  parts.push(svg("line", { ...across, stroke: symbol.line || "#888", "stroke-width": width, "stroke-dasharray": symbol.dash }));
  if (symbol.inlay) {
    parts.push(svg("line", { ...across, stroke: symbol.inlay, "stroke-width": width - 1.2, "stroke-dasharray": "4 4" }));
  }
  return parts;
}

function swatch(layer, symbol) {
  const picture = svg("svg", { width: 26, height: 16, viewBox: "0 0 26 16", class: "swatch", "aria-hidden": "true" });
  const style = { fill: symbol.fill || "none", "fill-opacity": symbol.opacity, stroke: symbol.line || "none" };
  if (layer.shape === "line") picture.append(...lineSwatch(symbol));
  else if (layer.shape === "point") {
    const r = Math.min(6, symbol.radius);
    picture.append(svg("circle", { cx: 13, cy: 8, r, ...style, "stroke-width": Math.min(3, symbol.width) }));
  } else {
    const box = { x: 2, y: 2, width: 22, height: 12, rx: 1.5 };
    const dash = symbol.dash ? "4 2" : "none";
    const edge = { ...style, "stroke-width": Math.min(2, symbol.width), "stroke-dasharray": dash };
    // land use has white borders, which would not show on a white panel
    if (edge.stroke === "#ffffff") edge.stroke = "#cfc8b8";
    picture.append(svg("rect", { ...box, ...edge }));
  }
  return picture;
}

function setItems(ids, on) {
  for (const id of ids) {
    if (on) hidden.delete(id);
    else hidden.add(id);
  }
  redraw();
  labels.draw();
  refreshLegend();
}

function itemIds(layer, item) {
  return item.symbols.map((index) => layer.name + "/" + index);
}

function groupIds(group) {
  return group.items.flatMap((item) => itemIds(layers.get(item.layer), item));
}

function itemRow(item) {
  const layer = layers.get(item.layer);
  const ids = itemIds(layer, item);
  const box = make("input", { type: "checkbox", checked: true });
  box.dataset.items = ids.join(" ");
  box.addEventListener("change", () => setItems(ids, box.checked));
  const name = make("span", { className: "item-name" }, titled(item));
  const count = make("span", { className: "count" }, number(item.count, 0));
  return make("li", {}, make("label", {}, box, swatch(layer, layer.symbols[item.symbols[item.symbols.length - 1]]), name, count));
}

// a group that is switched off at first is folded, so that a long list does not hide what comes after it
const folded = new Set();

function foldButton(group, list) {
  const button = make("button", { type: "button", className: "fold", "aria-controls": list.id });
  const show = () => {
    list.hidden = folded.has(group.name);
    button.setAttribute("aria-expanded", String(!list.hidden));
    button.setAttribute("aria-label", word(list.hidden ? "unfold" : "fold") + " " + word("group." + group.name));
  };
  button.addEventListener("click", () => {
    if (!folded.delete(group.name)) folded.add(group.name);
    show();
  });
  show();
  return button;
}

function groupBlock(group) {
  const ids = groupIds(group);
  const box = make("input", { type: "checkbox", checked: true });
  box.dataset.items = ids.join(" ");
  box.addEventListener("change", () => setItems(ids, box.checked));
  const total = group.items.reduce((sum, item) => sum + item.count, 0);
  const only = group.items.length === 1;
  const first = layers.get(group.items[0].layer);
  const heading = make("label", { className: "group-head" }, box);
  if (only) heading.append(swatch(first, first.symbols[0]));
  heading.append(make("span", { className: "item-name" }, word("group." + group.name)));
  heading.append(make("span", { className: "count" }, number(total, 0)));
  const block = make("fieldset", { className: "group" }, make("legend", { className: "unseen" }, word("group." + group.name)), heading);
  if (only) return block;
  const list = make("ul", { id: "group-" + group.name }, ...group.items.map(itemRow));
  block.append(foldButton(group, list), list);
  return block;
}

function buildLegend() {
  const panel = byId("panel-legend");
  panel.replaceChildren(
    make("h2", {}, word("tab.legend")),
    make("p", { className: "hint" }, word("legend.hint")),
    ...doc.groups.map(groupBlock),
  );
  refreshLegend();
}

function refreshLegend() {
  for (const box of document.querySelectorAll("#panel-legend input")) {
    const ids = box.dataset.items.split(" ");
    const on = ids.filter((id) => !hidden.has(id)).length;
    // a press on a box that is half ticked brings everything back
    box.checked = on === ids.length;
    box.indeterminate = on > 0 && on < ids.length;
  }
}

// --- the list ---

function listEntry(feature) {
  const { layer } = feature;
  const state = layer.fields.findIndex((field) => field.name === "state");
  const button = make("button", { type: "button", className: "entry" }, swatch(layer, layer.symbols[feature.symbol]));
  button.append(make("span", { className: "entry-name" }, nameOf(feature)));
  const facts = [calledOf(feature), state < 0 ? null : shown(layer.fields[state], feature.values[state])];
  button.append(make("span", { className: "entry-facts" }, facts.filter(Boolean).join(" · ")));
  button.addEventListener("click", () => choose([feature], { zoom: true }));
  return make("li", {}, button);
}

function buildList() {
  const blocks = [make("h2", {}, word("tab.list"))];
  for (const name of ["projects", "units", "stations", "blocks"]) {
    const layer = layers.get(name);
    if (!layer) continue;
    const sorted = [...layer.features].sort((a, b) => a.symbol - b.symbol || keyOf(a).localeCompare(keyOf(b), "en", { numeric: true }));
    const count = make("span", { className: "count" }, number(sorted.length, 0));
    blocks.push(make("h3", {}, titled(layer), count), make("ul", { className: "entries" }, ...sorted.map(listEntry)));
  }
  byId("panel-list").replaceChildren(...blocks);
}

function firstVisibility() {
  for (const group of doc.groups) {
    if (!group.items.some((item) => item.on)) folded.add(group.name);
    for (const item of group.items) {
      if (!item.on) for (const id of itemIds(layers.get(item.layer), item)) hidden.add(id);
    }
  }
}

onLanguage(buildLegend);
onLanguage(buildList);
