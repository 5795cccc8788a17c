// Keeps a page true while somebody looks at it. Parts that change carry data-live and
// an id; <main> (or another element) names the events by data-events. When something
// has happened, the page is fetched again and its parts take the place of the old
// ones. Rows with an id are compared one by one, so that what has not changed, and
// what somebody is in the middle of, stays as it is.

import { follow } from "./events.js"
import { localTimes } from "./time.js"

const pause = 1_500 // between two fetches

export const signedOut = "signed out"

// watch follows the events of a page that has some.
export function watch() {
	const url = document.querySelector("[data-events]")?.dataset.events
	if (!url || !document.querySelector("[data-live]")) {
		return
	}
	let fetching = false, more = false
	const refresh = async () => {
		if (fetching || document.hidden) {
			more = true
			return
		}
		fetching = true
		more = false
		try {
			renew(await page(location.href))
		} catch (error) {
			if (error.message == signedOut) {
				location.reload() // leads to where one signs in, and back here
				return
			}
			// The next event brings the next try.
		}
		setTimeout(() => {
			fetching = false
			if (more) {
				refresh()
			}
		}, pause)
	}
	document.addEventListener("visibilitychange", () => more && refresh())
	follow(url, refresh, new AbortController().signal)
}

// page fetches a document. It is never shown and its scripts do not run; nodes of it
// may be taken over, because it comes from the gateway.
export function page(url) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest()
		request.open("GET", url)
		request.responseType = "document"
		request.setRequestHeader("Sealgate-Background", "yes") // nobody did anything: a session does not last longer by it
		request.timeout = 30_000
		request.onload = () => {
			if (new URL(request.responseURL).pathname.startsWith("/sign-in")) {
				reject(new Error(signedOut))
			} else if (request.status != 200 || !request.response) {
				reject(new Error(request.status))
			} else {
				resolve(request.response)
			}
		}
		request.onerror = request.ontimeout = () => reject(new Error("no answer"))
		request.send()
	})
}

function renew(fresh) {
	for (const part of document.querySelectorAll("[data-live][id]")) {
		const next = fresh.getElementById(part.id)
		if (next) {
			replace(part, next)
		}
	}
}

// replace makes part what next is.
export function replace(part, next) {
	localTimes(next)
	if (part.isEqualNode(next)) {
		return
	}
	const rows = [...next.children]
	if (rows.length == 0 || rows.some(row => !row.id)) {
		if (!part.contains(document.activeElement)) {
			part.replaceWith(document.adoptNode(next))
		}
		return
	}
	const wanted = new Set(rows.map(row => row.id))
	const old = new Map([...part.children].map(row => [row.id, row]))
	old.forEach(row => wanted.has(row.id) || row.remove())
	let at = part.firstElementChild
	for (const row of rows) {
		const same = old.get(row.id)
		const keep = same && (same.isEqualNode(row) || same.contains(document.activeElement))
		if (same == at) {
			at = at?.nextElementSibling ?? null
		}
		if (keep && same.nextElementSibling == at) {
			continue // where it belongs; what is not moved keeps its focus
		}
		if (!keep) {
			same?.remove()
		}
		part.insertBefore(keep ? same : document.adoptNode(row), at)
	}
}
