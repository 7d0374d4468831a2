// the consultation: heading, notice panel, standing sentences

function mailAddress(email, subject) {
  if (!/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/.test(email)) return null;
  return "mailto:" + email + (subject ? "?subject=" + encodeURIComponent(subject) : "");
}

function fact(key, value) {
  return value ? [make("dt", {}, word(key)), make("dd", {}, value)] : [];
}

function period() {
  const { opens, closes, days } = doc.notice;
  return word("notice.period.value", { opens, closes, days });
}

function mailLink() {
  const { email } = doc.notice;
  const address = mailAddress(email);
  return address ? make("a", { href: address }, email) : email;
}

function buildNotice() {
  const { notice } = doc;
  const facts = make("dl", {},
    ...fact("notice.name", notice.name),
    ...fact("notice.draft", notice.draft),
    ...fact("notice.edition", doc.number),
    ...fact("notice.procedure", word("procedure." + notice.procedure)),
    ...fact("notice.organiser", notice.organiser),
    ...fact("notice.basis", notice.basis),
    ...fact("notice.period", period()),
  );
  const ways = make("dl", { className: "ways" },
    ...fact("notice.phone", notice.phone),
    ...fact("notice.email", notice.email ? mailLink() : ""),
    ...fact("notice.address", notice.address),
  );
  const cleared = make("dl", {},
    ...fact("notice.map_approval", notice.map_approval_no),
    ...fact("notice.secrecy_review", notice.secrecy_review_no),
  );
  const waiting = doc.waiting[lang] ? make("li", {}, word("waiting", { rows: doc.waiting[lang] })) : null;
  const coarse = doc.coarse.filter((name) => layers.has(name)).map((name) => layers.get(name)).map(titled).join(lang === "zh" ? "、" : ", ");
  const outlined = coarse ? make("li", {}, word("generalised", { layers: coarse })) : null;
  byId("panel-notice").replaceChildren(...[
    make("h2", {}, word("tab.notice")),
    facts,
    make("h3", {}, word("notice.feedback")),
    make("p", { className: "hint" }, word("notice.quote")),
    ways,
    make("h3", {}, word("notice.remarks")),
    make("ul", { className: "remarks" }, ...[waiting, outlined].filter(Boolean), make("li", {}, word("final")), make("li", {}, word("measuring")), make("li", {}, word("private"))),
    cleared.childElementCount ? cleared : null,
  ].filter(Boolean));
}

function buildHead() {
  document.title = doc.title;
  byId("title").textContent = doc.title;
  const working = doc.notice.procedure === "working";
  byId("draft").hidden = byId("period").hidden = working;
  byId("draft").textContent = doc.notice.draft;
  byId("procedure").textContent = word("procedure." + doc.notice.procedure) + " · " + doc.notice.organiser;
  byId("period").textContent = word("notice.period") + " " + period();
  byId("language").textContent = lang === "zh" ? "English" : "中文";
  byId("language").lang = lang === "zh" ? "en" : "zh-Hans";
  const warnings = [doc.edition === "internal" ? word("internal") : "", doc.synthetic ? word("synthetic") : ""].filter(Boolean);
  byId("banner").textContent = warnings.join("   ");
  byId("banner").hidden = !warnings.length;
  const foot = [word("final"), word("measuring"), doc.notice.map_approval_no].filter(Boolean);
  byId("foot").replaceChildren(...foot.map((text) => make("span", {}, text)));
  const names = { zoom: "map.label", "zoom-in": "zoom.in", "zoom-out": "zoom.out", "drawer-close": "close", tabs: "tabs" };
  for (const [id, key] of Object.entries(names)) byId(id).setAttribute("aria-label", word(key));
  byId("map_consultation").setAttribute("aria-label", word("map.label"));
}

onLanguage(buildHead);
onLanguage(buildNotice);
