// Texts and figures in the reader's language. The texts stand in the page:
// <template id="texts"><span data-text="left">{time} left</span></template>

const language = document.documentElement.lang
const texts = new Map()
for (const element of document.getElementById("texts")?.content.querySelectorAll("[data-text]") ?? []) {
	texts.set(element.dataset.text, element.textContent)
}

// say gives a text, with values for the names that stand in braces.
export function say(key, values = {}) {
	return (texts.get(key) ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "")
}

const units = ["B", "kB", "MB", "GB", "TB"]

// bytes writes a size with two or three figures: 12.3 MB.
export function bytes(size) {
	let unit = 0
	while (size >= 999.5 && unit < units.length - 1) {
		size /= 1000
		unit++
	}
	const figures = new Intl.NumberFormat(language, { maximumFractionDigits: unit && size < 99.95 ? 1 : 0 })
	return figures.format(size) + "\u00a0" + units[unit]
}

// duration writes how long something takes, rounded as people say it.
export function duration(seconds) {
	const [value, unit] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"]
	return new Intl.NumberFormat(language, {
		style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit == "hour" ? 1 : 0,
	}).format(Math.max(1, value))
}
