// drawing: one canvas, features in the catalogue's order, widths that follow the zoom

const map = window.map_consultation;
const canvas = L.canvas({ padding: 0.4 });
const hidden = new Set();
const strokes = [];
let highlighted = null;
let selected = [];

function itemOf(feature) {
  return feature.layer.name + "/" + feature.symbol;
}

function isVisible(feature) {
  return !hidden.has(itemOf(feature));
}

function pathOptions(symbol) {
  return {
    renderer: canvas,
    interactive: false,
    stroke: Boolean(symbol.line),
    color: symbol.line || "#000",
    weight: symbol.width,
    opacity: 1,
    dashArray: symbol.dash || null,
    fill: Boolean(symbol.fill),
    fillColor: symbol.fill || "#000",
    fillOpacity: symbol.opacity,
    lineJoin: "round",
    lineCap: symbol.dash ? "butt" : "round",
    smoothFactor: 0.6,
  };
}

function addStroke(layer, symbol, item, order, path, grows) {
  // what a casing shows beside its street stays as wide as it is
  const edge = path.options.weight > symbol.width ? path.options.weight - symbol.width : 0;
  strokes.push({ order, item, path, weight: path.options.weight - edge, edge, radius: symbol.radius, grows });
}

function prepareLines(layer) {
  layer.symbols.forEach((symbol, index) => {
    const lines = layer.features.filter((feature) => feature.symbol === index).flatMap((feature) => feature.parts);
    if (!lines.length) return;
    const item = layer.name + "/" + index;
    const base = { ...pathOptions(symbol), fill: false };
    // wider streets lie over narrower ones, and every casing lies under every street
    const rank = symbol.width / 100;
    if (symbol.casing) {
      const casing = L.polyline(lines, { ...base, color: symbol.casing, weight: symbol.width + 1.4, dashArray: null });
      addStroke(layer, symbol, item, layer.order, casing, "ground");
    }
    addStroke(layer, symbol, item, layer.order + 0.3 + rank, L.polyline(lines, base), symbol.casing ? "ground" : "line");
    if (symbol.inlay) {
      const options = { ...base, color: symbol.inlay, weight: symbol.width - 1.2, dashArray: "7 7", lineCap: "butt" };
      addStroke(layer, symbol, item, layer.order + 0.6, L.polyline(lines, options), "line");
    }
  });
}

function preparePoints(layer) {
  for (const feature of layer.features) {
    const symbol = layer.symbols[feature.symbol];
    for (const at of feature.parts) {
      const marker = L.circleMarker(at, { ...pathOptions(symbol), radius: symbol.radius });
      addStroke(layer, symbol, itemOf(feature), layer.order, marker, "point");
    }
  }
}

// borders between dashed areas come once, as lines of their own
function prepareOutline(layer) {
  const options = { ...pathOptions(layer.symbols[0]), fill: false };
  addStroke(layer, layer.symbols[0], layer.name + "/0", layer.order, L.polyline(layer.outline, options), "outline");
}

function prepareAreas(layer) {
  for (const feature of layer.features) {
    const symbol = layer.symbols[feature.symbol];
    addStroke(layer, symbol, itemOf(feature), layer.order, L.polygon(feature.parts, pathOptions(symbol)), "outline");
  }
}

function prepare() {
  for (const layer of layers.values()) {
    if (layer.shape === "line") prepareLines(layer);
    else if (layer.shape === "point") preparePoints(layer);
    else if (layer.outline.length) prepareOutline(layer);
    else prepareAreas(layer);
  }
  strokes.sort((a, b) => a.order - b.order);
}

// streets keep their width on the ground; lines, borders and points grow less than the ground does
const GROUND_ZOOM = -2.95;
const GROWTH = {
  ground: () => 2 ** (map.getZoom() - GROUND_ZOOM),
  line: () => between(0.7, 2 ** ((map.getZoom() - homeZoom) * 0.4), 2.6),
  outline: () => between(0.8, 2 ** ((map.getZoom() - homeZoom) * 0.22), 1.8),
  point: () => between(0.75, 2 ** ((map.getZoom() - homeZoom) * 0.3), 1.5),
};

function between(low, value, high) {
  return Math.max(low, Math.min(high, value));
}

function resize() {
  for (const { path, grows, weight, edge, radius } of strokes) {
    const factor = GROWTH[grows]();
    path.options.weight = Math.max(0.5, weight * factor) + edge;
    if (grows === "point") path.options.radius = radius * factor;
  }
}

function redraw() {
  for (const stroke of strokes) stroke.path.remove();
  for (const stroke of strokes) if (!hidden.has(stroke.item)) stroke.path.addTo(map);
  byId("map_consultation").dataset.drawn = String(features.filter(isVisible).length);
}

// --- highlight: hovered feature thin, selected ones strong ---

function outline(feature, strong) {
  const options = { renderer: marks, pane: "marks", interactive: false, fill: false, lineJoin: "round" };
  const halo = { ...options, color: "#ffffff", weight: strong ? 6 : 4, opacity: 0.9 };
  const edge = { ...options, color: strong ? "#0b3c4d" : "#1d5c73", weight: strong ? 3 : 2 };
  const shape = (style) => {
    if (feature.layer.shape === "line") return L.polyline(feature.parts, style);
    if (feature.layer.shape === "area") return L.polygon(feature.parts, style);
    const radius = feature.layer.symbols[feature.symbol].radius + 5;
    return L.featureGroup(feature.parts.map((at) => L.circleMarker(at, { ...style, radius })));
  };
  return L.layerGroup([shape(halo), shape(edge)]);
}

map.createPane("marks").style.zIndex = 450;
map.getPane("marks").style.pointerEvents = "none";
const marks = L.svg({ pane: "marks", padding: 0.4 });
const hoverMarks = L.layerGroup().addTo(map);
const selectMarks = L.layerGroup().addTo(map);

function hover(feature) {
  if (feature === highlighted) return;
  highlighted = feature;
  hoverMarks.clearLayers();
  if (feature && !selected.includes(feature)) outline(feature, false).addTo(hoverMarks);
}

function markSelected(chosen) {
  selected = chosen;
  selectMarks.clearLayers();
  for (const feature of chosen) outline(feature, true).addTo(selectMarks);
}
