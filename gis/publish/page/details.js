// what is known of one feature: a panel on a wide screen, a sheet from below on a phone

const MOST_BESIDE = 8;
let chosen = null;
let beside = [];
let came = null;

function fieldRow(field, value) {
  // what is not so needs no line; what is not known is said together
  if (value === false) return [];
  const target = field.reference && layers.has(field.reference) ? layers.get(field.reference).byKey.get(value) : null;
  let text = shown(field, value);
  if (target) {
    text = make("button", { type: "button", className: "link" }, nameOf(target));
    text.addEventListener("click", () => choose([target], { zoom: true }));
  }
  return [make("dt", {}, titled(field)), make("dd", {}, text)];
}

function unknownRow(fields) {
  if (!fields.length) return null;
  return make("p", { className: "unknown" }, word("details.unknown", { fields: fields.map(titled).join(lang === "zh" ? "、" : ", ") }));
}

function besideRow() {
  const others = beside.filter((feature) => !chosen.includes(feature));
  if (!others.length) return null;
  const more = others.length > MOST_BESIDE ? make("p", { className: "more" }, word("more", { count: others.length - MOST_BESIDE })) : null;
  const buttons = others.slice(0, MOST_BESIDE).map((feature) => {
    const { layer } = feature;
    const facts = make("span", { className: "entry-facts" }, titled(layer));
    const button = make("button", { type: "button", className: "chip" }, swatch(layer, layer.symbols[feature.symbol]), nameOf(feature), facts);
    button.addEventListener("click", () => choose([feature], { around: beside }));
    return button;
  });
  return make("div", { className: "beside" }, make("h3", {}, word("details.beside")), make("div", { className: "chips" }, ...buttons), more);
}

function answerRow(feature) {
  const key = keyOf(feature);
  if (!key || doc.edition !== "public" || feature.layer.rank > 1) return null;
  const row = make("p", { className: "answer" }, word("details.quote", { edition: doc.number, layer: titled(feature.layer), id: key }) + " ");
  const address = mailAddress(doc.notice.email, [word("notice.edition"), doc.number, calledOf(feature)].join(" "));
  if (address) row.append(make("a", { href: address }, word("details.mail")));
  else {
    const button = make("button", { type: "button", className: "link" }, word("details.how"));
    button.addEventListener("click", () => openTab("notice"));
    row.append(button);
  }
  return row;
}

function buildDetails() {
  const panel = byId("details");
  panel.setAttribute("aria-label", word("details"));
  panel.hidden = !chosen;
  document.body.classList.toggle("has-details", Boolean(chosen));
  if (!chosen) return;
  const [feature] = chosen;
  const { layer } = feature;
  const close = make("button", { type: "button", className: "close", "aria-label": word("close"), title: word("close") }, "×");
  close.addEventListener("click", clearChoice);
  const kind = make("p", { className: "kind" }, swatch(layer, layer.symbols[feature.symbol]), kindOf(feature));
  const name = make("h2", { tabIndex: -1, id: "details-name" }, nameOf(feature));
  const facts = make("dl", {});
  const unknown = [];
  layer.fields.forEach((field, index) => {
    const several = chosen.length > 1 && field.name.endsWith("_id");
    if (index === layer.title || several || field.hidden) return;
    if (shown(field, feature.values[index]) === BLANK) unknown.push(field);
    else facts.append(...fieldRow(field, feature.values[index]));
  });
  panel.replaceChildren(...[close, kind, name, facts, unknownRow(unknown), answerRow(feature), besideRow()].filter(Boolean));
  panel.scrollTop = 0;
}

// show features of one name; a layer that is switched off is switched on again
function choose(found, { zoom = false, around = [] } = {}) {
  if (!chosen) came = document.activeElement;
  chosen = found;
  beside = around.length ? around : under(L.latLng(found[0].place ? found[0].place.at : found[0].bounds.getCenter()), 1, isVisible);
  const off = found.map(itemOf).filter((id) => hidden.has(id));
  if (off.length) setItems(off, true);
  markSelected(found);
  closeDrawer();
  buildDetails();
  if (zoom) showWhole(found.reduce((all, feature) => all.extend(feature.bounds), L.latLngBounds(found[0].bounds)));
  byId("details-name").focus({ preventScroll: true });
}

function clearChoice() {
  if (!chosen) return;
  chosen = null;
  markSelected([]);
  buildDetails();
  if (came && came.isConnected) came.focus({ preventScroll: true });
}

onLanguage(buildDetails);
