/* A table with a filter, sortable columns and pages: a thousand rows are never all in the page. */

const PAGE = 25;

class DataTable {
  /* columns: {title, key(row), cell(row), number, head, wide, first}; text(row) is what the filter looks at. */
  constructor(holder, { caption, columns, rows, text, noun, order }) {
    Object.assign(this, { columns, rows, text, noun });
    this.page = 0;
    this.order = order;
    this.shown = rows;
    this.body = make("tbody");
    this.heads = columns.map((column, at) => this.head(column, at));
    const table = make("table", {}, make("caption", { class: "unseen" }, caption));
    table.append(make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    this.status = make("span", { role: "status" });
    this.back = make("button", { type: "button", "aria-label": `Previous ${noun}s` }, "Previous");
    this.on = make("button", { type: "button", "aria-label": `Next ${noun}s` }, "Next");
    this.back.addEventListener("click", () => this.turn(-1));
    this.on.addEventListener("click", () => this.turn(1));
    const pager = make("div", { class: "pager" }, this.status, this.back, this.on);
    const tools = make("div", { class: "tools" }, this.filter(), pager);
    if (rows.length > PAGE) holder.append(tools);
    holder.append(make("div", { class: "scroll", role: "group", "aria-label": caption, tabindex: 0 }, table));
    this.sort();
  }

  filter() {
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      this.shown = wanted ? this.rows.filter((row) => this.text(row).toLowerCase().includes(wanted)) : this.rows;
      this.page = 0;
      this.sort();
    });
    return make("label", {}, `Filter ${this.noun}s`, input);
  }

  head(column, at) {
    const cell = make("th", { scope: "col", class: column.number ? "number" : null });
    if (!column.key) {
      cell.append(column.title);
      return cell;
    }
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      const same = this.order && this.order.at === at;
      this.order = { at, down: same ? !this.order.down : Boolean(column.number) };
      this.page = 0;
      this.sort();
    });
    cell.append(button);
    return cell;
  }

  sort() {
    if (this.order) {
      const { at, down } = this.order;
      const key = this.columns[at].key;
      const sign = down ? -1 : 1;
      const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
      this.shown = [...this.shown].sort((a, b) => compare(key(a), key(b)));
      this.heads.forEach((head, index) => {
        if (!this.columns[index].key) return;
        head.setAttribute("aria-sort", index !== at ? "none" : down ? "descending" : "ascending");
      });
    }
    this.draw();
  }

  turn(by) {
    this.page += by;
    this.draw();
  }

  draw() {
    const from = this.page * PAGE;
    const rows = this.shown.slice(from, from + PAGE);
    const cells = (row) =>
      this.columns.map((column) => {
        const kind = [column.number && "number", column.kind].filter(Boolean).join(" ") || null;
        return make(column.first ? "th" : "td", { scope: column.first ? "row" : null, class: kind }, column.cell(row));
      });
    this.body.replaceChildren(...rows.map((row) => make("tr", {}, ...cells(row))));
    const total = this.shown.length.toLocaleString("en");
    this.status.textContent = rows.length ? `${from + 1}–${from + rows.length} of ${total}` : "none of that name";
    this.back.disabled = this.page === 0;
    this.on.disabled = from + PAGE >= this.shown.length;
  }
}
