"use strict";

// Tells Stock Channel Hub which order changed, the moment it changes. Put this file
// into src/subscribers/ of a Medusa project and set two variables for the server:
//   STOCK_CHANNEL_HUB_URL     the channel's webhook address, from its form in Odoo
//   STOCK_CHANNEL_HUB_SECRET  the channel's signing secret, whsec_...
// Only ids are sent; the hub reads the order itself. What is lost on the way is found
// by polling, so nothing is retried here. Signed as Standard Webhooks 1.0.0.

const crypto = require("node:crypto");

const TIMEOUT = 10_000; // milliseconds

async function tell({ event, container }) {
  const url = process.env.STOCK_CHANNEL_HUB_URL;
  const secret = process.env.STOCK_CHANNEL_HUB_SECRET;
  if (!url || !secret) return;
  const body = JSON.stringify({
    type: event.name,
    timestamp: new Date().toISOString(),
    data: { id: event.data.id, order_id: event.data.order_id },
  });
  const id = `msg_${crypto.randomUUID()}`;
  const timestamp = Math.floor(Date.now() / 1000);
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = crypto
    .createHmac("sha256", key)
    .update(`${id}.${timestamp}.${body}`)
    .digest("base64");
  try {
    const answer = await fetch(url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": `v1,${signature}`,
      },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (!answer.ok) throw new Error(`the hub answered ${answer.status}`);
  } catch (error) {
    container.resolve("logger").warn(`${event.name} not told: ${error.message}`);
  }
}

module.exports.default = tell;
module.exports.config = {
  event: [
    "order.placed",
    "order.updated",
    "order.canceled",
    "order.fulfillment_created",
    "order.fulfillment_canceled",
    "order.return_requested",
    "order.return_received",
    "order-edit.confirmed",
    "reservation-item.updated",
  ],
};
