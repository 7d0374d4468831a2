// features as the page keeps them: coordinates in metres of the page's own plane, [north, east] as Leaflet wants them

const layers = new Map();
const features = [];

function decodeLine(steps, closed) {
  const points = [];
  let x = 0;
  let y = 0;
  for (let at = 0; at < steps.length; at += 2) {
    x += steps[at];
    y += steps[at + 1];
    points.push([y * doc.step, x * doc.step]);
  }
  if (closed) points.push(points[0]);
  return points;
}

function decodeShape(shape, kind) {
  if (kind === "point") return shape.map((steps) => [steps[1] * doc.step, steps[0] * doc.step]);
  if (kind === "line") return shape.map((steps) => decodeLine(steps, false));
  return shape.map((rings) => rings.map((steps) => decodeLine(steps, true)));
}

function boundsOf(feature) {
  const flat = feature.layer.shape === "point" ? feature.parts : feature.parts.flat(feature.layer.shape === "area" ? 2 : 1);
  return L.latLngBounds(flat);
}

function ringArea(ring) {
  let twice = 0;
  for (let i = 1; i < ring.length; i += 1) twice += ring[i - 1][1] * ring[i][0] - ring[i][1] * ring[i - 1][0];
  return Math.abs(twice) / 2;
}

function decodeFeature(layer, row) {
  const [symbol, place, shape, values] = row;
  const feature = { layer, symbol, values: values || [], parts: decodeShape(shape, layer.shape) };
  feature.bounds = boundsOf(feature);
  feature.place = place ? { at: [place[1] * doc.step, place[0] * doc.step], room: place[2] * doc.step, angle: place[3] } : null;
  feature.size = layer.shape === "area" ? feature.parts.reduce((sum, rings) => sum + ringArea(rings[0]), 0) : 0;
  return feature;
}

function decode() {
  for (const layer of doc.layers) {
    layers.set(layer.name, layer);
    layer.outline = layer.outline.map((steps) => decodeLine(steps, false));
    layer.features = layer.rows.map((row) => decodeFeature(layer, row));
    layer.byKey = new Map();
    for (const feature of layer.features) {
      const key = feature.values[layer.key];
      if (key !== undefined && key !== null) layer.byKey.set(key, feature);
    }
    features.push(...layer.features);
    delete layer.rows;
  }
}

function keyOf(feature) {
  const { layer } = feature;
  return layer.key < 0 || layer.fields[layer.key].hidden ? "" : feature.values[layer.key] || "";
}

// a number of the edition is told with what it numbers
function calledOf(feature) {
  const key = keyOf(feature);
  return key && doc.edition === "public" ? titled(feature.layer) + " " + key : key;
}

function nameOf(feature) {
  const { layer } = feature;
  const named = layer.title < 0 ? null : feature.values[layer.title];
  const owner = layer.owner < 0 ? null : feature.values[layer.owner];
  const station = owner && layers.has("stations") ? layers.get("stations").byKey.get(owner) : null;
  if (named && owner) return (station ? nameOf(station) : owner) + " " + named;
  return named || calledOf(feature) || titled(layer);
}

function kindOf(feature) {
  const symbol = feature.layer.symbols[feature.symbol];
  return feature.layer.symbols.length > 1 ? titled(symbol) : titled(feature.layer);
}

// --- what lies under the pointer ---

function inRing(ring, y, x) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [yi, xi] = ring[i];
    const [yj, xj] = ring[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

function distanceToLine(line, y, x) {
  let best = Infinity;
  for (let i = 1; i < line.length; i += 1) {
    const [ay, ax] = line[i - 1];
    const dy = line[i][0] - ay;
    const dx = line[i][1] - ax;
    const along = Math.max(0, Math.min(1, ((y - ay) * dy + (x - ax) * dx) / (dy * dy + dx * dx || 1)));
    best = Math.min(best, Math.hypot(y - ay - along * dy, x - ax - along * dx));
  }
  return best;
}

function touches(feature, y, x, reach) {
  const { bounds } = feature;
  if (y < bounds.getSouth() - reach || y > bounds.getNorth() + reach) return false;
  if (x < bounds.getWest() - reach || x > bounds.getEast() + reach) return false;
  if (feature.layer.shape === "point") return feature.parts.some(([py, px]) => Math.hypot(py - y, px - x) <= reach);
  if (feature.layer.shape === "line") return feature.parts.some((line) => distanceToLine(line, y, x) <= reach);
  return feature.parts.some((rings) => rings.filter((ring) => inRing(ring, y, x)).length % 2 === 1);
}

// what the reader most likely means comes first: points, then what the consultation is about, then the smaller area
function under(latlng, reach, visible) {
  const found = features.filter(
    (feature) => !feature.layer.quiet && visible(feature) && touches(feature, latlng.lat, latlng.lng, reach),
  );
  return found.sort((a, b) => a.layer.rank - b.layer.rank || a.size - b.size);
}
