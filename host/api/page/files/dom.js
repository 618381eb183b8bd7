// SPDX-License-Identifier: GPL-2.0-or-later
// Elements and their text. Text from the network goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

// element("td", {class: "number"}, "12", child)
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      made.addEventListener(name.slice(2), value);
    } else if (value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return made;
}

export function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

// A cell: its text, or {text, class, title, node}.
function fillCell(cell, content) {
  const { text, class: name = "", title, node } = typeof content === "object" && content !== null ? content : { text: content };
  if (node !== undefined) {
    if (cell.firstChild !== node || cell.childNodes.length !== 1) {
      cell.replaceChildren(node);
    }
  } else {
    setText(cell, String(text));
  }
  if (cell.className !== name) {
    cell.className = name;
  }
  if (title !== undefined && cell.title !== title) {
    cell.title = title;
  }
}

// Heads stand over their figures.
function alignHeads(body, row) {
  const heads = body.parentElement.tHead?.rows[0]?.cells ?? [];
  [...heads].forEach((head, place) => head.classList.toggle("number", row?.cells[place]?.classList.contains("number") ?? false));
}

// Fills a table's body. A row is kept for as long as its key is there, so that the focus stays where it is. `cellsOf` gets
// the item and what `controlsOf` made when the row was new. The first cell names its row.
export function fillRows(body, items, { keyOf, cellsOf, controlsOf = () => null, empty }) {
  const kept = body.rowsByKey ?? new Map();
  const next = new Map();
  const rows = items.map((item) => {
    const key = keyOf(item);
    let row = kept.get(key);
    if (row === undefined || next.has(key)) {
      row = element("tr");
      row.controls = controlsOf(item, () => row.item);
    }
    row.item = item;
    next.set(key, row);
    cellsOf(item, row.controls).forEach((content, place) => {
      const cell = row.children[place] ?? row.appendChild(place === 0 ? element("th", { scope: "row" }) : element("td"));
      fillCell(cell, content);
    });
    return row;
  });
  if (rows.length === 0 && empty !== undefined) {
    const columns = body.parentElement.tHead?.rows[0]?.cells.length ?? 1;
    rows.push(element("tr", {}, element("td", { colspan: columns, class: "empty" }, empty)));
  }
  body.rowsByKey = next;
  alignHeads(body, rows[0]);
  // Rows that are in their place stay there: to move one takes the focus from it.
  rows.forEach((row, place) => {
    if (body.children[place] !== row) {
      const focused = row.contains(document.activeElement) ? document.activeElement : null;
      body.insertBefore(row, body.children[place] ?? null);
      focused?.focus({ preventScroll: true });
    }
  });
  while (body.children.length > rows.length) {
    body.lastElementChild.remove();
  }
}

export const number = (text, more = "") => ({ text, class: `number ${more}`.trim() });
