// Draws the shop's state and keeps it live: one server-sent event per change.

const SOURCES = { hub: "Hub → shop", shop: "Shop → hub", customer: "Customer" };
const byId = (id) => document.getElementById(id);
const cells = new Map();
let locations = [];

/** Make an element; text is always set as text, never as markup. */
function make(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** Say how long ago a moment was, in words that change calmly. */
function age(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function showAges() {
  for (const node of document.querySelectorAll("[data-since]")) {
    node.textContent = node.dataset.since ? age(node.dataset.since) : "–";
  }
}

function locationName(id) {
  return locations.find((place) => place.id === id)?.name ?? "nowhere in stock";
}

/** Return the cell of one level, making the product's row when it is new. */
function cellOf(product, location, currency) {
  const key = `${product.sku}|${location.id}`;
  if (!cells.has(key)) addRow(product, currency);
  return cells.get(key);
}

function addRow(product, currency) {
  const title = make("span", "title", product.title);
  const name = make("td", "name", title);
  if (product.badge) name.append(make("span", "badge", product.badge));
  name.append(make("div", "sku", product.sku));
  const price = Number(product.price).toLocaleString("en", { style: "currency", currency });
  const row = make("tr", "", name, make("td", "price", price));
  for (const location of locations) {
    const cell = make("td", "number");
    cell.dataset.label = location.name;
    cell.append(make("span", "change"), make("span", "quantity"), make("span", "age"));
    cells.set(`${product.sku}|${location.id}`, cell);
    row.append(cell);
  }
  byId("levels").append(row);
}

/** Put a number into its cell; a changed one lights up and says by how much. */
function showLevel(cell, level) {
  const quantity = cell.querySelector(".quantity");
  const before = quantity.textContent;
  const isChanged = before !== "" && before !== level.quantity;
  quantity.textContent = level.quantity;
  cell.querySelector(".age").dataset.since = level.sequence || isChanged ? level.updated_at : "";
  cell.classList.toggle("empty", level.quantity === "0");
  if (!isChanged) return;
  const change = Number(level.quantity) - Number(before);
  cell.querySelector(".change").textContent = change > 0 ? `+${change}` : `−${-change}`;
  cell.classList.remove("up", "down");
  void cell.offsetWidth; // restarts the animation when the same cell changes again
  cell.classList.add(change > 0 ? "up" : "down");
}

function showStock(state) {
  let freshest = "";
  for (const product of state.products) {
    for (const location of locations) {
      const level = product.levels[location.id];
      showLevel(cellOf(product, location, state.currency), level);
      if (level.sequence && level.updated_at > freshest) freshest = level.updated_at;
    }
  }
  byId("freshest").dataset.since = freshest;
}

function button(text, address) {
  const node = make("button", "small", text);
  node.type = "button";
  node.addEventListener("click", () => send(address, {}));
  return node;
}

function orderRow(order, returns) {
  const what = make("div", "what");
  for (const line of order.lines) {
    what.append(make("div", "", `${line.quantity} × ${line.title} · ${locationName(line.location_id)}`));
  }
  const notes = [order.customer.name];
  for (const shipment of order.shipments) {
    notes.push(`shipped${shipment.carrier ? ` with ${shipment.carrier}` : ""}, tracking ${shipment.tracking || "none"}`);
  }
  for (const back of returns) notes.push(`return ${back.id} ${back.status}`);
  what.append(make("small", "", notes.join(" · ")));
  const actions = make("div", "actions");
  if (order.open !== "0") actions.append(button("Cancel", `/control/orders/${order.id}/cancel`));
  if (order.returnable !== "0") actions.append(button("Return", `/control/orders/${order.id}/returns`));
  for (const back of returns.filter((one) => one.status === "announced")) {
    actions.append(button("Goods arrived", `/control/returns/${back.id}/receive`));
  }
  const chip = make("span", `chip ${order.progress.split(" ")[0]}`, order.progress);
  return make("li", "", make("b", "", order.id), what, make("div", "", chip), actions);
}

function showOrders(state) {
  const rows = state.orders.map((order) =>
    orderRow(order, state.returns.filter((back) => back.order_id === order.id)));
  byId("orders").replaceChildren(...(rows.length ? rows : [make("li", "none", "No orders yet.")]));
  byId("open-orders").textContent = state.orders.filter((order) => order.open !== "0").length;
}

function eventRow(event) {
  const time = make("time", "", new Date(event.at).toLocaleTimeString("en-GB"));
  time.dateTime = event.at;
  const source = make("span", `source ${event.source}`, SOURCES[event.source]);
  return make("li", event.tone, make("div", "line", source, time),
    make("strong", "", event.title), make("small", "", event.detail));
}

function show(state) {
  locations = state.locations;
  showStock(state);
  showOrders(state);
  byId("waiting").textContent = state.webhooks_waiting;
  byId("events").replaceChildren(...state.events.map(eventRow));
  showAges();
}

/** Press a button's address; a refusal is shown in the shop's own words. */
async function send(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  byId("message").textContent = answer.ok ? "" : (await answer.json()).message;
}

function setLink(text, className) {
  byId("link").textContent = text;
  byId("link").className = className;
}

byId("buy").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  send("/control/orders", {
    lines: [{ sku: form.get("sku"), quantity: form.get("quantity"), location_id: form.get("location") }],
  });
});
byId("unknown").addEventListener("click", (event) =>
  send("/control/orders", { lines: [{ sku: event.target.dataset.sku, quantity: "1" }] }));

show(JSON.parse(byId("state").textContent));
const stream = new EventSource("/control/stream");
stream.onopen = () => setLink("live", "live");
stream.onerror = () => setLink("reconnecting", "wait");
stream.onmessage = (event) => show(JSON.parse(event.data));
setInterval(showAges, 1000);
