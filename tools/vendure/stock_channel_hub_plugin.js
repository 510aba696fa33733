"use strict";

// Tells Stock Channel Hub which order changed, the moment it changes. Put this file
// into a Vendure project, name StockChannelHubPlugin among its plugins and set two
// variables for the server:
//   STOCK_CHANNEL_HUB_URL     the channel's webhook address, from its form in Odoo
//   STOCK_CHANNEL_HUB_SECRET  the channel's signing secret, whsec_...
// Only ids are sent; the hub reads the order itself. What is lost on the way is found
// by polling, so nothing is retried here. Signed as Standard Webhooks 1.0.0.

const crypto = require("node:crypto");
const {
  EventBus,
  FulfillmentStateTransitionEvent,
  Logger,
  OrderLineEvent,
  OrderStateTransitionEvent,
  RefundEvent,
  VendurePlugin,
} = require("@vendure/core");

const TIMEOUT = 10_000; // milliseconds
const DELAY = 500; // milliseconds, for the transaction to end in which it changed

const ORDERS = [
  [OrderStateTransitionEvent, "order.changed", (event) => [event.order]],
  [OrderLineEvent, "order.line_changed", (event) => [event.order]],
  [FulfillmentStateTransitionEvent, "order.shipped", (event) => event.fulfillment.orders],
  [RefundEvent, "order.refunded", (event) => [event.order]],
];

async function tell(type, orderId) {
  const url = process.env.STOCK_CHANNEL_HUB_URL;
  const secret = process.env.STOCK_CHANNEL_HUB_SECRET;
  if (!url || !secret) return;
  const body = JSON.stringify({
    type,
    timestamp: new Date().toISOString(),
    data: { id: String(orderId) },
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
    Logger.warn(`${type} not told: ${error.message}`, "StockChannelHub");
  }
}

class StockChannelHubPlugin {
  constructor(eventBus) {
    this.eventBus = eventBus;
  }

  onApplicationBootstrap() {
    for (const [kind, type, ordersOf] of ORDERS) {
      this.eventBus.ofType(kind).subscribe((event) => {
        // A cart is nobody's business until it is paid.
        const placed = (ordersOf(event) || []).filter((order) => order.orderPlacedAt);
        for (const order of placed) setTimeout(tell, DELAY, type, order.id);
      });
    }
  }
}

// What TypeScript's decorators would have written.
Reflect.defineMetadata("design:paramtypes", [EventBus], StockChannelHubPlugin);
VendurePlugin({ imports: [require("@vendure/core").PluginCommonModule] })(
  StockChannelHubPlugin,
);

module.exports = { StockChannelHubPlugin, tell };
