// Times stand in pages in UTC, because the gateway does not know where its reader
// is. Here they become the reader's own; the text before stays as the tooltip.

// English as in Europe: the day before its month, and no a.m. and p.m.
const language = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang
const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" })

export function localTimes(root) {
	for (const element of root.querySelectorAll("time[datetime]:not([title])")) {
		const moment = new Date(element.dateTime)
		if (element.dateTime.includes("T") && !isNaN(moment)) {
			element.title = element.textContent
			element.textContent = format.format(moment)
		}
	}
}
