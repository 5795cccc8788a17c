// Times stand in pages in UTC, because the gateway does not know where its reader
// is. Here they become the reader's own; the text before stays as the tooltip.

const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" })

export function localTimes(root) {
	for (const element of root.querySelectorAll("time[datetime]:not([title])")) {
		const moment = new Date(element.dateTime)
		if (element.dateTime.includes("T") && !isNaN(moment)) {
			element.title = element.textContent
			element.textContent = format.format(moment)
		}
	}
}
