// search by number or name; a listbox that the arrow keys move through

const MOST = 30;
let entries = [];
let matches = [];
let active = -1;

function normal(text) {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/g, "");
}

function buildIndex() {
  const found = new Map();
  for (const feature of features) {
    const { layer } = feature;
    const title = layer.title < 0 || !feature.values[layer.title] ? null : nameOf(feature);
    const key = calledOf(feature);
    if (!title && !key) continue;
    // a street is many pieces with one name
    const id = layer.shape === "line" && title ? layer.name + "|" + title : layer.name + "|" + key + "|" + title;
    if (!found.has(id)) found.set(id, { name: title || key, key, number: keyOf(feature), layer, features: [], text: normal((title || "") + " " + key) });
    found.get(id).features.push(feature);
  }
  entries = [...found.values()].sort((a, b) => a.layer.rank - b.layer.rank || a.layer.order - b.layer.order);
}

function find(text) {
  const wanted = normal(text);
  if (!wanted) return [];
  const hits = entries.filter((entry) => entry.text.includes(wanted));
  const starts = (entry) => (normal(entry.name).startsWith(wanted) || normal(entry.key).startsWith(wanted) || entry.number === wanted ? 0 : 1);
  return hits.sort((a, b) => starts(a) - starts(b));
}

function optionRow(entry, index) {
  const row = make("li", { id: "result-" + index, role: "option", "aria-selected": "false" });
  row.append(swatch(entry.layer, entry.layer.symbols[entry.features[0].symbol]));
  row.append(make("span", { className: "entry-name" }, entry.name));
  const told = entry.layer.shape === "line" || entry.key === entry.name ? null : entry.key;
  const facts = [told && told.startsWith(titled(entry.layer)) ? null : titled(entry.layer), told].filter(Boolean);
  row.append(make("span", { className: "entry-facts" }, facts.join(" · ")));
  row.addEventListener("mousedown", (event) => event.preventDefault());
  row.addEventListener("click", () => take(index));
  return row;
}

function showMatches() {
  const input = byId("search-text");
  const list = byId("search-results");
  const all = find(input.value);
  matches = all.slice(0, MOST);
  active = -1;
  const rows = matches.map(optionRow);
  if (all.length > MOST) rows.push(make("li", { className: "nothing" }, word("more", { count: all.length - MOST })));
  if (!rows.length && normal(input.value)) rows.push(make("li", { className: "nothing" }, word("search.nothing")));
  list.replaceChildren(...rows);
  list.hidden = !rows.length;
  input.setAttribute("aria-expanded", String(!list.hidden));
  input.removeAttribute("aria-activedescendant");
  if (normal(input.value)) byId("live").textContent = word("search.found", { count: all.length });
}

function closeMatches() {
  byId("search-results").hidden = true;
  byId("search-text").setAttribute("aria-expanded", "false");
}

function activate(index) {
  const rows = byId("search-results").querySelectorAll("[role=option]");
  if (!rows.length) return;
  active = (index + rows.length) % rows.length;
  rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === active)));
  rows[active].scrollIntoView({ block: "nearest" });
  byId("search-text").setAttribute("aria-activedescendant", rows[active].id);
}

function take(index) {
  const entry = matches[index];
  closeMatches();
  byId("search-text").value = entry.name;
  choose(entry.features, { zoom: true });
}

function onSearchKey(event) {
  if (event.key === "ArrowDown") activate(active + 1);
  else if (event.key === "ArrowUp") activate(active - 1);
  else if (event.key === "Enter" && matches.length) take(Math.max(0, active));
  else if (event.key === "Escape") closeMatches();
  else return;
  event.preventDefault();
}

function buildSearch() {
  const input = byId("search-text");
  input.placeholder = word("search.hint");
  input.setAttribute("aria-label", word("search.hint"));
  byId("search-results").setAttribute("aria-label", word("search.results"));
  closeMatches();
}

byId("search-text").addEventListener("input", showMatches);
byId("search-text").addEventListener("focus", showMatches);
byId("search-text").addEventListener("blur", closeMatches);
byId("search-text").addEventListener("keydown", onSearchKey);
onLanguage(buildSearch);
onLanguage(buildIndex);
