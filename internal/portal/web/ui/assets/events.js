// Follows a stream of server-sent events. Our own reader, not EventSource: that one
// does not notice a connection that died while the lid was closed, cannot be told
// apart from one that was refused, and hears only events whose names it was told.

const silence = 40_000 // the gateway is heard every 15 seconds
const patience = [1_000, 2_000, 5_000, 15_000, 30_000]

// follow calls heard for every event, and whenever a connection has come about:
// something may have happened before it. While none does it is called as well, so that
// what it does then is asking. It ends with the signal.
export async function follow(url, heard, signal) {
	let last = ""
	for (let failures = 0; !signal.aborted;) {
		try {
			await listen(url, last, signal, event => {
				failures = event.type == "open" ? failures : 0
				last = event.id || last
				heard(event)
			})
		} catch {
			// It is tried again below, whatever it was.
		}
		await wait(patience[Math.min(failures++, patience.length - 1)], signal)
		if (!signal.aborted) {
			heard({ type: "again" })
		}
	}
}

function wait(time, signal) {
	return new Promise(resolve => {
		const done = () => {
			clearTimeout(timer)
			window.removeEventListener("online", done)
			signal.removeEventListener("abort", done)
			resolve()
		}
		const timer = setTimeout(done, time)
		window.addEventListener("online", done)
		signal.addEventListener("abort", done)
	})
}

async function listen(url, last, signal, heard) {
	const silent = new AbortController()
	let timer = setTimeout(() => silent.abort(), silence)
	try {
		const answer = await fetch(url, {
			headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) },
			cache: "no-store", signal: AbortSignal.any([signal, silent.signal]),
		})
		if (!answer.ok) {
			throw new Error(answer.status)
		}
		heard({ type: "open" })
		const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
		let rest = ""
		for (;;) {
			const { value, done } = await reader.read()
			if (done) {
				return
			}
			clearTimeout(timer)
			timer = setTimeout(() => silent.abort(), silence)
			const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n")
			rest = blocks.pop()
			for (const block of blocks) {
				const event = parse(block)
				if (event) {
					heard(event)
				}
			}
		}
	} finally {
		clearTimeout(timer)
	}
}

// parse reads one event; a comment is none.
function parse(block) {
	const event = { type: "message", id: "", data: "" }
	let some = false
	for (const line of block.split("\n")) {
		const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? []
		if (field) {
			some = true
			event[field == "event" ? "type" : field] = value
		}
	}
	return some && event
}
