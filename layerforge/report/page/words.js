/* How things are made and named. Text is only ever set as text: names come from strangers. */

const UNITS = ["KB", "MB", "GB", "TB"];

function formatSize(size) {
  if (Math.abs(size) < 1024) return `${size} B`;
  let value = size;
  for (const unit of UNITS) {
    value /= 1024;
    if (Math.abs(value) < 1023.95 || unit === "TB") return `${value.toFixed(1)} ${unit}`;
  }
}

function formatShare(part, whole) {
  if (whole <= 0) return "";
  const share = (100 * part) / whole;
  return share > 0 && share < 0.5 ? "<1%" : `${Math.round(share)}%`;
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/* An element with attributes and children; strings become text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/* The same name, the same colour: a distribution is recognised wherever it lies. */
function hueOf(name) {
  let hash = 2166136261;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return (hash >>> 0) % 360;
}

function listed(names, shown) {
  const some = names.slice(0, shown).join(", ");
  const rest = names.length - shown;
  if (rest <= 0) return some;
  const all = make("ul", {}, ...names.slice(shown).map((name) => make("li", {}, name)));
  return make("details", {}, make("summary", {}, `${some} and ${rest.toLocaleString("en")} more`), all);
}
