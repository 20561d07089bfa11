/* The map: a tree of nodes {name, size, note, hue, children()} drawn two levels deep, walked by keys. */

/* A tile of fewer square pixels cannot be hit, nor its colour seen. */
const LEAST_AREA = 500;
const MOST_INSIDE = 60;
const HEAD = 22;
const GAP = 2;

/* The largest nodes, and one that stands for the rest. */
function withRest(nodes, most) {
  const sorted = [...nodes].sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  if (sorted.length <= most) return sorted;
  const rest = sorted.slice(most - 1);
  const size = rest.reduce((sum, node) => sum + node.size, 0);
  const more = { name: `${rest.length.toLocaleString("en")} smaller ones`, size, children: () => rest, closed: true };
  return [...sorted.slice(0, most - 1), more];
}

/* A node that is drawn without what is in it has the colour of the largest of that. */
function hueInside(node) {
  if (node.hue !== undefined || !node.children || node.closed) return node.hue;
  const largest = node.children().reduce((best, child) => (best && best.size >= child.size ? best : child), null);
  return largest ? largest.hue : undefined;
}

class TreeMap {
  constructor(holder, path, detail) {
    this.holder = holder;
    this.crumbs = path;
    this.detail = detail;
    this.stops = [];
    this.trail = [];
    holder.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.draw()).observe(holder);
  }

  show(root) {
    this.trail = [root];
    this.describe(null);
    this.draw();
  }

  get current() {
    return this.trail[this.trail.length - 1];
  }

  open(node) {
    if (!node.children) return;
    this.trail.push(node);
    this.draw();
    this.focusFirst();
  }

  up(to) {
    if (this.trail.length < 2) return;
    const left = this.trail[to + 1];
    this.trail.length = to + 1;
    this.draw();
    const stop = this.stops.find((one) => one.node.name === left.name) || this.stops[0];
    if (stop) stop.element.focus();
  }

  focusFirst() {
    if (this.stops.length) this.stops[0].element.focus();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.holder;
    const root = this.current;
    if (!root || !width) return;
    this.holder.replaceChildren();
    this.stops = [];
    const nodes = withRest(root.children(), Math.max(20, Math.floor((width * height) / LEAST_AREA)));
    const parts = squarify(nodes, width, height);
    for (const part of parts) this.drawTop(part, root);
    if (!parts.length) this.holder.append(make("p", { class: "note" }, "Nothing is here."));
    this.holder.setAttribute("aria-label", `Map of ${root.name}, ${formatSize(root.size)}`);
    this.stops.forEach((stop, at) => stop.element.setAttribute("tabindex", at === 0 ? 0 : -1));
    this.drawTrail();
  }

  drawTop(part, root) {
    const { node, width, height } = part;
    const roomy = width > 70 && height > 54;
    const inner = node.children && roomy && !node.closed ? withRest(node.children(), MOST_INSIDE) : [];
    if (!inner.length) {
      this.holder.append(this.tile(part, root, [root]));
      return;
    }
    const label = this.label(node, root);
    const name = make("button", { class: "name", type: "button", "aria-label": `${label}. Open.`, title: label });
    name.append(make("b", {}, node.name));
    if (width > 150) name.append(make("span", {}, formatSize(node.size)));
    name.addEventListener("click", () => this.open(node));
    const group = make("div", { class: "group", role: "group", "aria-label": node.name }, name);
    this.put(group, part);
    this.stop(name, node, part, label);
    const space = { width: width - 2 * GAP - 2, height: height - HEAD - GAP - 2 };
    for (const child of squarify(inner, space.width, space.height)) {
      const place = { ...child, x: child.x + GAP, y: child.y + HEAD };
      const seen = { x: part.x + place.x, y: part.y + place.y, width: place.width, height: place.height };
      group.append(this.tile(place, node, [root, node], seen));
    }
    this.holder.append(group);
  }

  tile(part, parent, trail, seen = part) {
    const { node, width, height } = part;
    const label = this.label(node, parent);
    const opens = Boolean(node.children);
    const hue = hueInside(node);
    const tile = make("button", {
      class: `tile${hue === undefined ? " plain" : ""}${opens ? " opens" : ""}`,
      type: "button",
      "aria-label": opens ? `${label}. Open.` : label,
      title: label,
    });
    if (hue !== undefined) tile.style.setProperty("--hue", hue);
    if (width > 52 && height > 22) {
      tile.classList.add("named");
      tile.append(make("b", {}, node.name));
      if (width > 64 && height > 40) tile.append(make("i", {}, formatSize(node.size)));
    }
    tile.addEventListener("click", () => {
      if (!opens) return;
      this.trail.push(...trail.slice(1));
      this.open(node);
    });
    this.put(tile, part);
    this.stop(tile, node, seen, label);
    return tile;
  }

  put(element, { x, y, width, height }) {
    element.style.left = `${x}px`;
    element.style.top = `${y}px`;
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
  }

  stop(element, node, place, label) {
    this.stops.push({ element, node, place });
    element.addEventListener("focus", () => {
      for (const other of this.stops) other.element.setAttribute("tabindex", other.element === element ? 0 : -1);
      this.describe(node, label);
    });
    element.addEventListener("mouseenter", () => this.describe(node, label));
  }

  label(node, parent) {
    const share = formatShare(node.size, parent.size);
    const notes = [formatSize(node.size), share && `${share} of ${parent.name}`, node.note].filter(Boolean);
    return `${node.name}: ${notes.join(", ")}`;
  }

  describe(node, label) {
    this.detail.replaceChildren();
    if (!node) return;
    this.detail.append(make("b", {}, node.name), label.slice(node.name.length));
  }

  drawTrail() {
    const items = this.trail.map((node, at) => {
      if (at === this.trail.length - 1) return make("li", { "aria-current": "location" }, node.name);
      return make("li", {}, make("button", { type: "button", on: { click: () => this.up(at) } }, node.name));
    });
    this.crumbs.replaceChildren(...items);
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" || event.key === "Backspace") {
      if (this.trail.length > 1) {
        event.preventDefault();
        this.up(this.trail.length - 2);
      }
      return;
    }
    const at = this.stops.findIndex((stop) => stop.element === document.activeElement);
    if (at < 0) return;
    const next = this.next(event.key, at);
    if (next === undefined) return;
    event.preventDefault();
    if (next) next.element.focus();
  }

  next(key, at) {
    if (key === "Home") return this.stops[0];
    if (key === "End") return this.stops[this.stops.length - 1];
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    return ways[key] ? this.nearest(this.stops[at], ways[key]) : undefined;
  }

  /* The stop whose middle lies in that direction, near rather than straight ahead. */
  nearest(from, [dx, dy]) {
    const middle = ({ place, element }) => [
      place.x + place.width / 2,
      place.y + (element.className === "name" ? HEAD / 2 : place.height / 2),
    ];
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    for (const stop of this.stops) {
      const [toX, toY] = middle(stop);
      const ahead = (toX - x) * dx + (toY - y) * dy;
      const aside = Math.abs((toX - x) * dy) + Math.abs((toY - y) * dx);
      if (stop === from || ahead <= 1) continue;
      const distance = ahead + 2 * aside;
      if (distance < least) [best, least] = [stop, distance];
    }
    return best;
  }
}
