// One upload by the tus protocol (core, creation, termination): bytes go in pieces,
// and after anything that goes wrong the gateway is asked where to go on. The last
// answer names the file; it is durable then.

const piece = 32 << 20 // a session's end, or a restart of the gateway, costs no more
const silence = 60_000 // no progress for so long: the line is dead
const patience = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000]

const common = { "Tus-Resumable": "1.0.0" }

// Upload sends a file. changed is called with it whenever something has: state is
//
//	waiting     nothing is done
//	sending     bytes go out
//	retrying    it was cut, and goes on at retryAt (Date.now) or with retry()
//	signed-out  goes on with retry(), when somebody has signed in again
//	unreadable  the file was changed or removed on this computer
//	failed      the gateway does not take it; problem says why
//	cancelling  is being taken away
//	done        id is the file's
export class Upload {
	state = "waiting"
	sent = 0 // bytes that the gateway has, or that are on their way to it
	id = "" // of the file, when it is one
	url = "" // where the gateway keeps what it has of it
	problem = ""
	retryAt = 0
	#abort = null
	#wake = null
	#begun = null // the request that begins it, while it is under way

	constructor({ endpoint, name, file, url = "", changed, kept }) {
		Object.assign(this, { endpoint, name, file, url, changed, kept })
	}

	#become(state) {
		this.state = state
		this.changed(this)
	}

	// start sends until the file is there, stop is called, or it makes no sense.
	async start() {
		if (this.#abort) {
			return
		}
		const abort = this.#abort = new AbortController()
		this.problem = ""
		this.#become("sending")
		let known = false // whether this.sent is what the gateway has
		for (let failures = 0; !abort.signal.aborted && this.state != "done";) {
			const before = this.sent
			try {
				if (!this.url) {
					await this.#create(abort.signal)
				} else if (!known) {
					await this.#ask(abort.signal)
				} else {
					await this.#send(abort.signal)
				}
				known = true
				failures = 0
			} catch (error) {
				known = false
				if (abort.signal.aborted) {
					break
				}
				if (this.sent > before) {
					failures = 0 // something has come: the line works now and then
				}
				if (!await this.#recover(error, failures++, abort.signal)) {
					break
				}
			}
		}
		if (this.#abort == abort) {
			this.#abort = null
		}
	}

	// stop leaves off; start goes on.
	stop() {
		this.#abort?.abort()
		this.#abort = null
		if (this.state != "done") {
			this.#become("waiting")
		}
	}

	// retry tries now what would be tried later.
	retry() {
		this.#wake?.()
	}

	// cancel takes away what has been sent, and does not leave off before it knows how
	// that went: the gateway may have had all of it. Then it is done, and id is the file's.
	// It may also refuse for good: then it has failed, and problem says why.
	async cancel() {
		const begun = this.#begun
		this.stop()
		const { signal } = this.#abort = new AbortController()
		this.#become("cancelling")
		await begun?.catch(() => {})
		for (let failures = 0; this.url; failures++) {
			try {
				await request("DELETE", this.url, { headers: common, signal })
				break
			} catch (error) {
				const there = error.status == 409 ? await progress(this.url) : undefined
				if (error.status == 404 || error.status == 410 || there === null) {
					break
				}
				if (there?.id) {
					this.id = there.id
					this.sent = there.sent
					this.#become("done")
					break
				}
				this.problem = error.message
				if (error.status == 401) {
					this.#become("signed-out")
					await this.#sleep(2 ** 31 - 1, signal)
				} else if (error.status != 409 && !passes(error)) {
					this.#fail(error)
					break
				} else { // what was sending it has not let go of it yet, or the line is dead
					this.#become("cancelling")
					await this.#sleep(patience[Math.min(failures, patience.length - 1)], signal)
				}
				this.#become("cancelling")
			}
		}
		this.#abort = null
	}

	// create is not stopped on its way: what it begins is to be known, so that it can be
	// gone on with or taken away.
	async #create(signal) {
		const bytes = new TextEncoder().encode(this.name)
		this.#begun ??= request("POST", this.endpoint, {
			headers: { ...common, "Upload-Length": this.file.size, "Upload-Metadata": "filename " + btoa(String.fromCharCode(...bytes)) },
		})
		let answer
		try {
			answer = await this.#begun
		} finally {
			this.#begun = null
		}
		this.sent = 0
		this.url = new URL(answer.header("Location"), location.href).pathname
		if (signal.aborted || !this.#finished(answer)) {
			await this.kept(this)
		}
	}

	async #ask(signal) {
		const answer = await request("HEAD", this.url, { headers: common, signal })
		if (Number(answer.header("Upload-Length")) != this.file.size) {
			throw new Refused(410, "") // another file's
		}
		this.sent = Number(answer.header("Upload-Offset"))
		this.#finished(answer)
	}

	async #send(signal) {
		const begin = this.sent
		const answer = await request("PATCH", this.url, {
			headers: { ...common, "Content-Type": "application/offset+octet-stream", "Upload-Offset": begin },
			body: this.file.slice(begin, begin + piece), signal,
			progress: loaded => {
				this.sent = begin + loaded
				this.#become("sending")
			},
		})
		this.sent = Number(answer.header("Upload-Offset"))
		this.#finished(answer)
	}

	#finished(answer) {
		this.id = answer.header("Sealgate-File-Id") ?? ""
		if (this.id) {
			this.sent = this.file.size
		}
		this.#become(this.id ? "done" : "sending")
		return this.id != ""
	}

	// recover reports whether to go on after an error, having waited until then.
	async #recover(error, failures, signal) {
		const status = error instanceof Refused ? error.status : 0
		if (status == 0 && !await readable(this.file)) {
			this.#become("unreadable")
			return false
		}
		if ((status == 404 || status == 410) && this.url) {
			this.url = "" // it was swept, or is not ours any more: from the beginning
			this.sent = 0
			return true
		}
		if (status == 409) {
			return failures < 5 || this.#fail(error) // ask where to go on
		}
		if (status == 401) {
			this.#become("signed-out")
			await this.#sleep(2 ** 31 - 1, signal)
			return !signal.aborted
		}
		if (!passes(error)) {
			return this.#fail(error)
		}
		this.problem = error.message
		const time = Math.max(patience[Math.min(failures, patience.length - 1)], (error.after ?? 0) * 1000)
		this.retryAt = Date.now() + time
		this.#become("retrying")
		await this.#sleep(time, signal)
		if (!signal.aborted) {
			this.problem = ""
			this.#become("sending")
		}
		return !signal.aborted
	}

	#fail(error) {
		this.problem = error.message
		this.#become("failed")
		return false
	}

	// sleep ends with the time, with retry, with the signal, or when the network is back.
	#sleep(time, signal) {
		return new Promise(resolve => {
			const done = () => {
				clearTimeout(timer)
				window.removeEventListener("online", done)
				signal.removeEventListener("abort", done)
				this.#wake = null
				resolve()
			}
			const timer = setTimeout(done, time)
			window.addEventListener("online", done)
			signal.addEventListener("abort", done)
			this.#wake = done
		})
	}
}

// Refused is an answer that says no. One without a status was none.
class Refused extends Error {
	constructor(status, message, { busy = false, after = 0 } = {}) {
		super(message)
		Object.assign(this, { status, busy, after })
	}
}

// passes tells whether what went wrong may be over when it is tried again.
function passes({ status, busy }) {
	return !status || status == 408 || status == 429 || status >= 500 || busy
}

async function readable(file) {
	try {
		await file.slice(0, 1).arrayBuffer()
		return true
	} catch {
		return false
	}
}

// request is one exchange. XMLHttpRequest, because fetch does not tell how much of a
// body has gone.
function request(method, url, { headers, body, signal, progress }) {
	return new Promise((resolve, reject) => {
		const x = new XMLHttpRequest()
		let timer
		const alive = () => {
			clearTimeout(timer)
			timer = setTimeout(() => x.abort(), silence)
		}
		const abort = () => x.abort()
		signal?.addEventListener("abort", abort)
		x.onloadend = () => {
			clearTimeout(timer)
			signal?.removeEventListener("abort", abort)
			if (x.status >= 200 && x.status < 300) {
				resolve({ header: name => x.getResponseHeader(name) })
			} else {
				reject(refusal(x))
			}
		}
		x.upload.onprogress = event => {
			alive()
			progress?.(event.loaded)
		}
		x.open(method, url)
		for (const [name, value] of Object.entries(headers)) {
			x.setRequestHeader(name, value)
		}
		alive()
		x.send(body)
	})
}

function refusal(x) {
	let problem = {}
	try {
		problem = JSON.parse(x.responseText)
	} catch {
		// HEAD has no body, a cut line has nothing.
	}
	return new Refused(x.status, problem.detail ?? "", {
		busy: x.status == 423 && !String(problem.type).endsWith(":locked"),
		after: Number(x.getResponseHeader("Retry-After")) || 0,
	})
}

// progress asks how much of an upload the gateway has: { sent, id }, or null when it
// has no such upload (any more).
export async function progress(url) {
	try {
		const answer = await request("HEAD", url, { headers: common })
		return { sent: Number(answer.header("Upload-Offset")), id: answer.header("Sealgate-File-Id") ?? "" }
	} catch (error) {
		return error.status == 404 || error.status == 410 ? null : { sent: 0, id: "" }
	}
}
