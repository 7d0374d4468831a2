// the page's life: tabs, drawer, pointer, scale bar, print

const home = L.latLngBounds(doc.home.map(([x, y]) => [y * doc.step, x * doc.step]));
let homeZoom = 0;

function isPhone() {
  return window.matchMedia("(max-width: 760px)").matches;
}

// --- tabs and drawer ---

function openTab(name) {
  for (const tab of byId("tabs").children) {
    const on = tab.id === "tab-" + name;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !on;
  }
  document.body.classList.add("drawer-open");
  if (isPhone()) clearChoice();
}

function closeDrawer() {
  document.body.classList.remove("drawer-open");
}

function onTab(event) {
  const tab = event.target.closest("[role=tab]");
  if (!tab) return;
  const open = document.body.classList.contains("drawer-open") && tab.getAttribute("aria-selected") === "true";
  if (isPhone() && open) closeDrawer();
  else openTab(tab.id.slice(4));
}

function onTabKey(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...byId("tabs").children];
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  openTab(next.id.slice(4));
  next.focus();
}

// --- view ---

function showWhole(bounds) {
  const wide = !isPhone();
  map.fitBounds(bounds, {
    paddingTopLeft: [wide ? 60 : 30, 60],
    paddingBottomRight: wide ? [380, 70] : [30, Math.round(window.innerHeight * 0.45)],
    maxZoom: homeZoom + 3,
  });
}

function goHome() {
  const [topLeft, bottomRight] = isPhone() ? [[8, 66], [8, 44]] : [[24, 22], [24, 50]];
  map.fitBounds(home, { paddingTopLeft: topLeft, paddingBottomRight: bottomRight, animate: false });
}

function drawScale() {
  const perMetre = 2 ** map.getZoom();
  const longest = 130 / perMetre;
  const power = 10 ** Math.floor(Math.log10(longest));
  const metres = power * [5, 2, 1].find((step) => step * power <= longest);
  byId("scale-bar").style.width = metres * perMetre + "px";
  const far = metres >= 1000;
  const length = far ? metres / 1000 : metres;
  byId("scale-text").textContent = number(length, length % 1 ? 1 : 0) + " " + word(far ? "unit.km" : "unit.m");
}

function readOut(event) {
  const [east, north] = doc.corner;
  byId("readout").textContent = "E " + (east + event.latlng.lng).toFixed(1) + "  N " + (north + event.latlng.lat).toFixed(1);
}

// --- pointer ---

function reach(pixels) {
  return pixels / 2 ** map.getZoom();
}

function onMove(event) {
  const [feature] = under(event.latlng, reach(6), isVisible);
  hover(feature || null);
  const tip = byId("tooltip");
  tip.hidden = !feature || isPhone();
  map.getContainer().style.cursor = feature ? "pointer" : "";
  if (!feature) return;
  tip.replaceChildren(make("strong", {}, nameOf(feature)), make("span", {}, kindOf(feature)));
  const { clientX, clientY } = event.originalEvent;
  const right = clientX > window.innerWidth - 260;
  tip.style.left = (right ? clientX - 14 : clientX + 14) + "px";
  tip.style.top = clientY + 14 + "px";
  tip.classList.toggle("left", right);
}

function onLeave() {
  hover(null);
  byId("tooltip").hidden = true;
}

function onClick(event) {
  const found = under(event.latlng, reach(isPhone() ? 12 : 7), isVisible);
  if (found.length) choose([found[0]], { around: found });
  else clearChoice();
}

function onKey(event) {
  if (event.key !== "Escape") return;
  if (chosen) clearChoice();
  else closeDrawer();
}

// --- print: the map gets the size of the sheet before it is drawn for it ---

let view = null;

function beforePrint() {
  view = map.getBounds();
  document.body.classList.add("printing");
  map.invalidateSize({ animate: false });
  map.fitBounds(view, { animate: false });
}

function afterPrint() {
  document.body.classList.remove("printing");
  map.invalidateSize({ animate: false });
  if (view) map.fitBounds(view, { animate: false });
}

function listen() {
  byId("tabs").addEventListener("click", onTab);
  byId("tabs").addEventListener("keydown", onTabKey);
  byId("drawer-close").addEventListener("click", closeDrawer);
  byId("language").addEventListener("click", () => speak(lang === "zh" ? "en" : "zh"));
  byId("home").addEventListener("click", goHome);
  byId("print").addEventListener("click", () => window.print());
  byId("zoom-in").addEventListener("click", () => map.zoomIn());
  byId("zoom-out").addEventListener("click", () => map.zoomOut());
  document.addEventListener("keydown", onKey);
  window.addEventListener("beforeprint", beforePrint);
  window.addEventListener("afterprint", afterPrint);
  map.on("zoomend", resize).on("move zoom", drawScale).on("click", onClick).on("mousemove", onMove).on("mouseout", onLeave);
  if (doc.edition === "internal") {
    byId("readout").hidden = false;
    map.on("mousemove", readOut);
  }
}

function start() {
  decode();
  firstVisibility();
  // the words come first: the heading's height decides what is left for the map
  speak(lang);
  openTab("legend");
  if (isPhone()) closeDrawer();
  byId("map_consultation").tabIndex = 0;
  document.documentElement.dataset.edition = doc.edition;
  map.options.zoomSnap = 0.05;
  map.options.zoomDelta = 0.75;
  map.options.wheelPxPerZoomLevel = 110;
  map.setMinZoom(-8).setMaxZoom(8);
  map.invalidateSize({ animate: false });
  goHome();
  homeZoom = map.getZoom();
  map.setMinZoom(homeZoom - 2).setMaxZoom(homeZoom + 5.5);
  map.setMaxBounds(home.pad(1));
  prepare();
  resize();
  listen();
  redraw();
  labels.addTo(map);
  drawScale();
  onLanguage(drawScale);
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(map.getContainer());
  document.documentElement.dataset.ready = "true";
}

start();
