// words and values as people read them; everything reaches the page through textContent

const doc = JSON.parse(document.getElementById("consultation-data").textContent);
const BLANK = "—";
let lang = doc.lang;
const listeners = [];

function word(key, values) {
  const text = doc.words[lang][key] || key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? values[name] : whole));
}

function titled(record) {
  return lang === "zh" ? record.zh : record.en;
}

function onLanguage(listener) {
  listeners.push(listener);
}

function speak(next) {
  lang = next;
  document.documentElement.lang = lang === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const listener of listeners) listener();
}

function byId(id) {
  return document.getElementById(id);
}

// make an element: properties by name, children as texts or elements
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function number(value, digits, plain) {
  const places = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: !plain };
  return value.toLocaleString(lang === "zh" ? "zh-CN" : "en-GB", places);
}

function codeTitle(list, code) {
  const titles = doc.codes[list] && doc.codes[list][code];
  return titles ? titles[lang === "zh" ? 0 : 1] : code;
}

// a field's value as people read it, with the digits of the bureau's tables; a year keeps its four together
function shown(field, value) {
  if (value === null || value === undefined || value === "") return BLANK;
  if (field.codes) return codeTitle(field.codes, value);
  if (typeof value === "boolean") return word(value ? "yes" : "no");
  if (typeof value !== "number") return String(value);
  const text = number(value, field.digits || 0, field.plain);
  if (!field.unit) return text;
  return text + " " + (lang === "zh" ? field.unit : doc.units[field.unit] || field.unit);
}
