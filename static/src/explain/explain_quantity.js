import { formatFloat } from "@web/core/utils/numbers";

/**
 * A quantity as people write it: as many decimals as it has, six at most.
 *
 * @param {number|null} quantity
 * @returns {string}
 */
export function plainQuantity(quantity) {
    if (quantity === null || quantity === undefined) {
        return "–";
    }
    const digits = formatFloat(quantity, { digits: [false, 6], trailingZeros: false });
    // The same sign as a change has.
    return digits.replace(/^-/, "−");
}

/**
 * A change with its sign, so that it reads without colours.
 *
 * @param {number|null} change
 * @returns {string}
 */
export function signedQuantity(change) {
    if (change === null || change === undefined) {
        return "";
    }
    const sign = change > 0 ? "+" : change < 0 ? "−" : "";
    return sign + plainQuantity(Math.abs(change));
}
