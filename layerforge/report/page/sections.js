/* What the page shows of the data. */

const data = JSON.parse(document.getElementById("data").textContent);

const holderOf = (id) => document.querySelector(`#${id} > .holder`);
const none = (id, text) => holderOf(id).append(make("p", { class: "none" }, text));
const releaseName = (at) => data.releases[at][0];
const releaseText = (at) => `${data.releases[at][0]} ${data.releases[at][1]}`;
const taken = (layer) => count(layer.functions.length, "function");

/* Nodes of the map. */

function fileNodes(files, whole, fileCount, hue) {
  const nodes = files.map(([path, size]) => ({ name: path.split("/").pop(), size, note: path, hue }));
  const rest = whole - nodes.reduce((sum, node) => sum + node.size, 0);
  if (rest > 0) nodes.push({ name: count(Math.max(fileCount - files.length, 1), "other file"), size: rest, hue });
  return nodes;
}

function heldNode([release, size, fileCount, files], note) {
  const [name, version, license] = data.releases[release];
  const hue = hueOf(name);
  const notes = [license || "licence unknown", fileCount && count(fileCount, "file"), note];
  return {
    name: `${name} ${version}`,
    size,
    hue,
    note: notes.filter(Boolean).join(", "),
    children: files.length ? () => fileNodes(files, size, fileCount, hue) : null,
  };
}

function layerNode(layer) {
  const nodes = () => {
    const held = layer.held.map((one) => heldNode(one));
    return layer.rest > 0 ? [...held, { name: "other files", size: layer.rest }] : held;
  };
  const note = `${layer.targets.join(", ")}, taken by ${taken(layer)}`;
  return { name: layer.name, size: layer.unzipped, note, children: nodes };
}

function functionNode(one) {
  const children = () => {
    const nodes = one.layers.flatMap((at) => data.layers[at].held.map((held) => heldNode(held, `in ${data.layers[at].name}`)));
    nodes.push(...one.bundled.map((held) => heldNode(held, "in its own zip")));
    const rest = one.layers.reduce((sum, at) => sum + data.layers[at].rest, 0);
    if (rest > 0) nodes.push({ name: "other files of layers", size: rest });
    if (one.code) nodes.push({ name: "its own code", size: one.code });
    if (one.externalSize) nodes.push({ name: "layers from elsewhere", size: one.externalSize, note: one.external.join(", ") });
    return nodes;
  };
  return { name: one.name, size: one.unzipped, note: `${one.target}, ${formatShare(one.unzipped, one.limit)} of its limit`, children };
}

function distributionNodes() {
  const found = new Map();
  const add = ([release, size], place) => {
    const name = releaseName(release);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push({ name: place, size, hue: hueOf(name), note: releaseText(release) });
  };
  for (const layer of data.layers) for (const held of layer.held) add(held, layer.name);
  for (const one of data.functions) for (const held of one.bundled) add(held, `${one.name} (code)`);
  return [...found].map(([name, places]) => ({
    name,
    size: places.reduce((sum, place) => sum + place.size, 0),
    hue: hueOf(name),
    note: count(places.length, "place"),
    children: () => places,
  }));
}

function makeRoot(view) {
  const roots = {
    layers: ["all layers", () => data.layers.map(layerNode)],
    functions: ["all functions", () => data.functions.map(functionNode)],
    distributions: ["all distributions", distributionNodes],
  };
  const [name, make] = roots[view];
  const nodes = make();
  return { name, size: nodes.reduce((sum, node) => sum + node.size, 0), children: () => nodes };
}

function drawMap() {
  const element = (id) => document.getElementById(id);
  const map = new TreeMap(element("map-tiles"), element("map-path"), element("map-detail"));
  const choices = document.querySelectorAll('input[name="view"]');
  for (const choice of choices) choice.addEventListener("change", () => map.show(makeRoot(choice.value)));
  const chosen = [...choices].find((choice) => choice.checked);
  map.show(makeRoot(chosen ? chosen.value : "layers"));
}

/* Tables. */

function bar(size, limit) {
  const share = limit > 0 ? size / limit : 0;
  const kind = share > 1 ? " error" : share > 0.9 ? " warning" : "";
  const fill = make("span");
  fill.style.width = `${Math.min(100, 100 * share)}%`;
  return make("span", { class: `bar${kind}`, "aria-hidden": "true" }, fill);
}

function largestPart(one) {
  const parts = functionNode(one).children();
  const largest = parts.reduce((best, part) => (best && best.size >= part.size ? best : part), null);
  return largest ? `${largest.name}, ${formatSize(largest.size)}` : "";
}

function drawFunctions() {
  if (!data.functions.length) return none("functions", "There are no functions.");
  const column = (title, key, cell, more) => ({ title, key, cell, ...more });
  const number = { number: true };
  new DataTable(holderOf("functions"), {
    caption: "Functions",
    noun: "function",
    rows: data.functions,
    text: (one) => `${one.name} ${one.target}`,
    order: { at: 1, down: true },
    columns: [
      column("Function", (one) => one.name, (one) => one.name, { first: true }),
      column("Unzipped", (one) => one.unzipped, (one) => {
        const text = `${formatSize(one.unzipped)}, ${formatShare(one.unzipped, one.limit)}`;
        return make("span", { title: `of ${formatSize(one.limit)}` }, text, bar(one.unzipped, one.limit));
      }, number),
      column("Largest part", null, largestPart),
      column("Layers", (one) => one.layers.length + one.external.length, (one) => `${one.layers.length + one.external.length}`, number),
      column("Own code", (one) => one.code, (one) => formatSize(one.code), number),
      column("Not needed", (one) => one.excess, (one) => (one.excess ? formatSize(one.excess) : "–"), number),
      column("Target", (one) => one.target, (one) => one.target),
    ],
  });
}

function drawLayers() {
  if (!data.layers.length) return none("layers", "There are no layers: no function requires anything.");
  const names = (layer) => [...layer.held].sort((a, b) => b[1] - a[1]).map(([release]) => releaseText(release));
  new DataTable(holderOf("layers"), {
    caption: "Layers",
    noun: "layer",
    rows: data.layers,
    text: (layer) => `${layer.name} ${layer.targets.join(" ")} ${names(layer).join(" ")}`,
    order: { at: 1, down: true },
    columns: [
      { title: "Layer", key: (layer) => layer.name, cell: (layer) => layer.name, first: true },
      { title: "Unzipped", key: (layer) => layer.unzipped, cell: (layer) => formatSize(layer.unzipped), number: true },
      { title: "Zipped", key: (layer) => layer.zipped, cell: (layer) => formatSize(layer.zipped), number: true },
      { title: "Distributions", key: (layer) => layer.held.length, cell: (layer) => listed(names(layer), 3), kind: "names" },
      { title: "Functions", key: (layer) => layer.functions.length, cell: (layer) => `${layer.functions.length}`, number: true },
      { title: "Targets", key: (layer) => layer.targets.join(), cell: (layer) => layer.targets.join(", ") },
    ],
  });
}

function drawCopies() {
  if (!data.copies.length) return none("copies", "Every distribution is stored once.");
  new DataTable(holderOf("copies"), {
    caption: "Distributions that are stored more than once",
    noun: "distribution",
    rows: data.copies,
    text: (one) => one.name,
    columns: [
      { title: "Distribution", key: (one) => one.name, cell: (one) => one.name, first: true },
      { title: "Versions", key: (one) => one.versions.length, cell: (one) => one.versions.join(", ") },
      { title: "Places", key: (one) => one.places.length, cell: (one) => `${one.places.length}`, number: true },
      { title: "Needless", key: (one) => one.needless, cell: (one) => (one.needless ? formatSize(one.needless) : "–"), number: true },
      {
        title: "Where",
        cell: (one) => listed(one.places.map(([zip, version, size]) => `${zip} (${version}, ${formatSize(size)})`), 2),
        kind: "names",
      },
    ],
  });
}

function drawFiles() {
  if (!data.files.length) return none("files", "There are no files.");
  new DataTable(holderOf("files"), {
    caption: "The largest files",
    noun: "file",
    rows: data.files,
    text: (file) => file.join(" "),
    order: { at: 1, down: true },
    columns: [
      { title: "File", key: (file) => file[0], cell: (file) => make("code", {}, file[0]), first: true, kind: "path" },
      { title: "Unzipped", key: (file) => file[1], cell: (file) => formatSize(file[1]), number: true },
      { title: "Distribution", key: (file) => file[3] || "", cell: (file) => file[3] || "own code" },
      { title: "In", key: (file) => file[2], cell: (file) => file[2] },
    ],
  });
}

function drawLicenses() {
  if (!data.licenses.length) return none("licenses", "There are no distributions.");
  new DataTable(holderOf("licenses"), {
    caption: "Licences",
    noun: "licence",
    rows: data.licenses,
    text: ([license, releases]) => `${license || "unknown"} ${releases.map(releaseText).join(" ")}`,
    columns: [
      { title: "Licence", key: ([license]) => license || "", cell: ([license]) => license || "unknown", first: true },
      { title: "Distributions", key: ([, all]) => all.length, cell: ([, all]) => `${all.length}`, number: true },
      { title: "Which", cell: ([, all]) => listed(all.map(releaseText), 6), kind: "names" },
    ],
  });
}

/* The matrix: functions that take the same layers stand together, and only layers of the page are columns. */

/* How many characters, whole words of them, all names begin with. */
function commonBegin(names) {
  if (names.length < 2) return 0;
  let length = 0;
  while (names.every((name) => name[length] !== undefined && name[length] === names[0][length])) length += 1;
  return names[0].lastIndexOf("-", length - 1) + 1;
}

function drawMatrix() {
  const rows = data.functions.filter((one) => one.layers.length);
  if (!rows.length) return none("matrix", "No function takes a layer.");
  const holder = holderOf("matrix");
  const key = (one) => one.layers.map((at) => String(at).padStart(5, "0")).join();
  const sorted = [...rows].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.name < b.name ? -1 : 1));
  const table = make("table", { class: "grid" });
  const status = make("span", { role: "status" });
  const back = make("button", { type: "button", "aria-label": "Previous functions of the matrix" }, "Previous");
  const on = make("button", { type: "button", "aria-label": "Next functions of the matrix" }, "Next");
  let page = 0;

  function draw() {
    const shown = sorted.slice(page * PAGE, (page + 1) * PAGE);
    const columns = [...new Set(shown.flatMap((one) => one.layers))].sort((a, b) => a - b);
    const begin = commonBegin(columns.map((at) => data.layers[at].name));
    const heads = columns.map((at) => {
      const { name } = data.layers[at];
      const short = make("span", { class: "turned", "aria-hidden": "true" }, begin ? `…${name.slice(begin)}` : name);
      return make("th", { scope: "col", title: name }, short, make("span", { class: "unseen" }, name));
    });
    const lines = shown.map((one) => {
      const cells = columns.map((at) => {
        const takes = one.layers.includes(at);
        const order = takes ? `${one.layers.indexOf(at) + 1}` : "";
        const label = `${one.name} takes ${data.layers[at].name}, as number ${order}`;
        return make("td", {}, takes ? make("span", { class: "dot", title: label }, order) : "");
      });
      return make("tr", {}, make("th", { scope: "row", title: one.name }, one.name), ...cells);
    });
    const caption = make("caption", { class: "unseen" }, "Functions in rows, layers in columns; numbers say in which order a function takes them");
    const head = make("tr", {}, make("th", { scope: "col" }, "Function"), ...heads);
    table.replaceChildren(caption, make("thead", {}, head), make("tbody", {}, ...lines));
    const from = page * PAGE;
    status.textContent = `${from + 1}–${from + shown.length} of ${sorted.length.toLocaleString("en")}`;
    back.disabled = page === 0;
    on.disabled = from + PAGE >= sorted.length;
  }

  back.addEventListener("click", () => { page -= 1; draw(); });
  on.addEventListener("click", () => { page += 1; draw(); });
  const pager = make("div", { class: "pager" }, status, back, on);
  const legend = make("span", { class: "help" }, "Numbers: the order in which a function takes its layers.");
  holder.append(make("div", { class: "tools" }, legend, sorted.length > PAGE ? pager : null));
  holder.lastChild.querySelectorAll(":scope > :empty").forEach((empty) => empty.remove());
  holder.append(make("div", { class: "scroll", role: "group", "aria-label": "Matrix of functions and layers", tabindex: 0 }, table));
  draw();
}

function drawFindings() {
  if (!data.findings.length) return none("findings", "Nothing was found.");
  const items = data.findings.map((finding) => {
    const place = finding.where ? `${finding.where}: ` : "";
    const item = make("li", { class: finding.severity });
    item.append(make("span", { class: "severity" }, finding.severity), ` ${place}${finding.sentence} `, make("code", {}, finding.code));
    if (finding.details.length) item.append(make("pre", {}, finding.details.join("\n")));
    if (finding.hint) item.append(make("p", { class: "hint" }, `hint: ${finding.hint}`));
    return item;
  });
  holderOf("findings").append(make("ul", { class: "findings" }, ...items));
  if (data.moreFindings) {
    holderOf("findings").append(make("p", { class: "help" }, `and ${count(data.moreFindings, "more finding")}; layerforge check shows all`));
  }
}

drawMap();
drawFunctions();
drawLayers();
drawMatrix();
drawCopies();
drawFiles();
drawLicenses();
drawFindings();
