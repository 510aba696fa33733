import { cookie } from "@web/core/browser/cookie";
import { _t } from "@web/core/l10n/translation";
import { getColor, getCustomColor } from "@web/core/colors/colors";
import { registry } from "@web/core/registry";
import { JournalDashboardGraphField } from "@web/views/fields/journal_dashboard_graph/journal_dashboard_graph_field";

/**
 * Seconds as people say them: 850 ms, 2.3 s, 4 min, 3 h.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function plainDuration(seconds) {
    if (seconds < 1) {
        return _t("%s ms", Math.round(seconds * 1000));
    }
    if (seconds < 60) {
        return _t("%s s", seconds.toFixed(1));
    }
    if (seconds < 7200) {
        return _t("%s min", Math.round(seconds / 60));
    }
    return _t("%s h", Math.round(seconds / 3600));
}

/**
 * How long falls and rises took to be acknowledged, hour by hour, against the target.
 * The scale is logarithmic: a second and an hour both have to be seen.
 */
export class FreshnessGraphField extends JournalDashboardGraphField {
    getBarChartConfig() {
        const scheme = cookie.get("color_scheme");
        const [graph] = this.data;
        const labels = graph.values.map((value) => value.label);
        const bar = (name, label, color) => ({
            type: "bar",
            label,
            backgroundColor: color,
            data: graph.values.map((value) => value[name]),
            maxBarThickness: 8,
            order: 2,
        });
        const target = {
            type: "line",
            label: graph.target_label,
            borderColor: getCustomColor(scheme, "#d44c59", "#ff7b86"),
            borderWidth: 1,
            borderDash: [4, 3],
            pointRadius: 0,
            pointHitRadius: 0,
            data: graph.values.map(() => graph.target),
            order: 1,
        };
        return {
            type: "bar",
            data: {
                labels,
                datasets: [
                    bar("fall", graph.fall_label, getColor(1, scheme, "odoo")),
                    bar("rise", graph.rise_label, getColor(3, scheme, "odoo")),
                    target,
                ],
            },
            options: {
                plugins: {
                    legend: {
                        display: true,
                        position: "bottom",
                        labels: { boxWidth: 8, boxHeight: 8, font: { size: 10 } },
                    },
                    tooltip: {
                        intersect: false,
                        mode: "index",
                        position: "nearest",
                        caretSize: 0,
                        filter: (item) => item.parsed.y !== null,
                        callbacks: {
                            label: (item) =>
                                `${item.dataset.label}: ${plainDuration(item.parsed.y)}`,
                        },
                    },
                },
                scales: {
                    y: {
                        display: false,
                        type: "logarithmic",
                        suggestedMin: Math.min(graph.target / 100, 0.1),
                        suggestedMax: graph.target * 2,
                    },
                    x: {
                        grid: { display: false },
                        border: { display: false },
                        ticks: { autoSkip: true, maxTicksLimit: 5, maxRotation: 0 },
                    },
                },
                maintainAspectRatio: false,
            },
        };
    }
}

export const freshnessGraphField = {
    component: FreshnessGraphField,
    supportedTypes: ["text"],
    extractProps: ({ attrs }) => ({
        graphType: attrs.graph_type,
    }),
};

registry.category("fields").add("stock_channel_freshness_graph", freshnessGraphField);
