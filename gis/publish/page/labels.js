// labels: drawn on a canvas of their own, the important ones first, none over another

const LETTERS = '"Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei",sans-serif';
const STYLES = {
  stations: { font: "600 12.5px", color: "#6b3410", halo: "#fffdf8", priority: 0, offset: 12 },
  units: { font: "600 11.5px", color: "#174a73", halo: "#fffdf8", priority: 2, fit: 1.5, wrap: 4 },
  projects: { font: "500 11.5px", color: "#2d2320", halo: "#fffdf8", priority: 3, fit: 0.9, wrap: 9 },
  blocks: { font: "600 13px", color: "#6e5443", halo: "#fbf7ee", priority: 1, fit: 1.3, spacing: 3, fade: 6 },
  waters: { font: "italic 500 12.5px", color: "#3d7ea8", halo: "#d9ecf6", priority: 4, fit: 1.6, spacing: 4, lies: true },
  streets: { font: "400 10.5px", color: "#7b7365", halo: "#ffffff", priority: 6 },
};

const LabelLayer = L.Layer.extend({
  onAdd() {
    this.canvas = L.DomUtil.create("canvas", "labels leaflet-zoom-hide", map.getPane("labels"));
    map.on("moveend zoomend resize viewreset", this.draw, this);
    this.draw();
  },

  draw() {
    const size = map.getSize();
    const ratio = window.devicePixelRatio || 1;
    L.DomUtil.setPosition(this.canvas, map.containerPointToLayerPoint([0, 0]));
    this.canvas.width = size.x * ratio;
    this.canvas.height = size.y * ratio;
    this.canvas.style.width = size.x + "px";
    this.canvas.style.height = size.y + "px";
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    this.taken = [];
    let placed = 0;
    for (const label of candidates()) placed += this.place(pen, label, size) ? 1 : 0;
    this.canvas.dataset.placed = String(placed);
  },

  place(pen, label, size) {
    const { style } = label;
    const at = map.latLngToContainerPoint(label.at);
    if (at.x < -60 || at.y < -30 || at.x > size.x + 60 || at.y > size.y + 30) return false;
    pen.font = style.font + " " + LETTERS;
    pen.letterSpacing = (style.spacing || 0) + "px";
    const steep = Math.abs(label.angle || 0) > 50;
    // Chinese runs down a steep river letter by letter, each upright
    const lines = steep && label.stacks ? [...label.text] : wrapped(label.text, style.wrap);
    if (steep && label.stacks) label.angle = 0;
    const width = Math.max(...lines.map((line) => pen.measureText(line).width));
    const height = lines.length * 15;
    if (label.roomPx !== undefined && width > label.roomPx) return false;
    for (const [x, y] of positions(at, style, width)) {
      const box = boxOf(x, y, width, height, label.angle || 0);
      if (this.taken.some((other) => overlap(other, box))) continue;
      this.taken.push(box);
      write(pen, lines, x, y, label.angle || 0, style);
      return true;
    }
    return false;
  },
});

function positions(at, style, width) {
  if (!style.offset) return [[at.x, at.y]];
  const side = style.offset + width / 2;
  return [[at.x + side, at.y], [at.x - side, at.y], [at.x, at.y - 19], [at.x, at.y + 19]];
}

// break a long name into lines of about the same length, three at most
function wrapped(text, limit) {
  if (!limit || text.length <= limit) return [text];
  const count = Math.min(3, Math.ceil(text.length / limit));
  const each = Math.ceil(text.length / count);
  return Array.from({ length: count }, (_, index) => text.slice(index * each, (index + 1) * each));
}

function boxOf(x, y, width, height, angle) {
  const turn = (angle * Math.PI) / 180;
  const w = Math.abs(width * Math.cos(turn)) + Math.abs(height * Math.sin(turn));
  const h = Math.abs(width * Math.sin(turn)) + Math.abs(height * Math.cos(turn));
  return [x - w / 2 - 4, y - h / 2 - 2, x + w / 2 + 4, y + h / 2 + 2];
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function write(pen, lines, x, y, angle, style) {
  pen.save();
  pen.translate(x, y);
  pen.rotate((-angle * Math.PI) / 180);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 3.2;
  pen.strokeStyle = style.halo;
  pen.fillStyle = style.color;
  lines.forEach((line, index) => {
    const down = (index - (lines.length - 1) / 2) * 15;
    pen.strokeText(line, 0, down);
    pen.fillText(line, 0, down);
  });
  pen.restore();
}

// long names are cut on the map; the panel shows them whole
function short(text) {
  return text.length > 24 ? text.slice(0, 23) + "…" : text;
}

function candidates() {
  const scale = 2 ** map.getZoom();
  const found = [];
  for (const [name, style] of Object.entries(STYLES)) {
    const layer = layers.get(name);
    if (!layer || name === "streets" || layer.title < 0) continue;
    for (const feature of layer.features) {
      if (!feature.place || !isVisible(feature) || !feature.values[layer.title]) continue;
      const { at, room } = feature.place;
      const angle = style.lies ? feature.place.angle : 0;
      // along a long shape there is more room than across it
      const roomPx = style.fit ? room * 2 * scale * style.fit * (angle ? 3 : 1) : undefined;
      // a block's name leaves the map where the block is wider than the screen
      if (style.fade && roomPx > map.getSize().x * style.fade) continue;
      found.push({ text: short(feature.values[layer.title]), at, angle, roomPx, style, stacks: true });
    }
  }
  if (layers.has("streets")) {
    for (const [text, x, y, angle, length] of doc.streetNames) {
      if (hidden.has("streets/" + 0)) break;
      const at = [y * doc.step, x * doc.step];
      found.push({ text: short(text), at, angle, roomPx: length * doc.step * scale * 0.8, style: STYLES.streets });
    }
  }
  return found.sort((a, b) => a.style.priority - b.style.priority);
}

map.createPane("labels").style.zIndex = 460;
map.getPane("labels").style.pointerEvents = "none";
const labels = new LabelLayer();
