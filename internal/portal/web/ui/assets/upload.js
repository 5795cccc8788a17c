// The page that sends files: each is a row, from its first byte to what the indexer
// says about it. At most three are sent at once. What was not finished when the page
// was left waits here for its file.

import { follow } from "./events.js"
import { dropped, picked } from "./folders.js"
import { page, replace } from "./live.js"
import { Memory } from "./memory.js"
import { localTimes } from "./time.js"
import { progress, Upload } from "./tus.js"
import { bytes, duration, say } from "./words.js"

const parallel = 3
const form = document.getElementById("upload")
const list = document.getElementById("uploads")
const section = document.getElementById("upload-list")
const status = document.getElementById("upload-status")
const template = document.getElementById("upload-row").content
const memory = new Memory(form.dataset.owner)

const items = new Map() // by key, in the order of the rows
const unsettled = new Map() // by file id: items whose file is on its way to its rest

// An item is one file. Its state is that of its upload, or
//
//	lost    only remembered: the file has to be shown again
//	queued  waits for its turn
//	paused  by its person
class Item {
	upload = null
	state = "queued"
	samples = []

	constructor(key, name, size) {
		Object.assign(this, { key, name, size })
		this.row = template.firstElementChild.cloneNode(true)
		this.part = name => this.row.querySelector(`[data-part=${name}]`)
		const id = "u" + items.size
		this.part("name").textContent = name
		this.part("name").id = id
		this.part("bar").setAttribute("aria-labelledby", id)
		for (const button of this.row.querySelectorAll("[data-do]")) {
			button.setAttribute("aria-describedby", id)
			button.addEventListener("click", () => this[button.dataset.do]())
		}
		items.set(key, this)
		list.append(this.row)
		section.hidden = false
	}

	give(file, url = "") {
		this.upload = new Upload({
			endpoint: form.dataset.endpoint, name: this.name, file, url: this.url || url,
			changed: upload => this.changed(upload),
			kept: upload => memory.put(this.key, this.name, file, upload.url),
		})
		this.state = "queued"
		draw(this)
		pump()
	}

	get sent() {
		return this.upload ? this.upload.sent : this.has ?? 0
	}

	get active() {
		return ["sending", "retrying", "signed-out", "cancelling"].includes(this.state)
	}

	changed(upload) {
		const before = this.state
		if (upload.state != "waiting") {
			this.state = upload.state
		}
		if (this.state == "sending") {
			const now = Date.now()
			this.samples.push([now, upload.sent])
			this.samples = this.samples.filter(([time]) => now - time < 6000)
		} else {
			this.samples = []
		}
		if (this.state != before) {
			this.turned()
		}
		draw(this)
	}

	turned() {
		switch (this.state) {
		case "done":
			memory.remove(this.key)
			settle(this, this.upload.id)
			break
		case "failed":
		case "unreadable":
			announce(`${this.name}: ${this.sentence()}`)
			break
		case "signed-out":
			announce(say("signed-out"))
			break
		}
		pump()
	}

	// speed is in bytes a second, over the last seconds.
	get speed() {
		const [first, last] = [this.samples[0], this.samples.at(-1)]
		return first && last[0] - first[0] > 400 ? Math.max(0, (last[1] - first[1]) / (last[0] - first[0]) * 1000) : 0
	}

	sentence() {
		const values = { sent: bytes(this.sent), size: bytes(this.size), problem: this.upload?.problem ?? "" }
		if (this.state == "sending" && this.sent == this.size && this.size) {
			return say("finishing")
		}
		if (this.state == "sending" && this.speed) {
			return say("sending-at", {
				...values, speed: bytes(this.speed), left: duration((this.size - this.sent) / this.speed),
			})
		}
		if (this.state == "retrying") {
			return say("retrying", { ...values, seconds: Math.max(1, Math.ceil((this.upload.retryAt - Date.now()) / 1000)) })
		}
		return say(this.state, values)
	}

	pause() {
		this.state = "paused"
		this.upload.stop()
		draw(this)
		pump()
	}

	resume() {
		this.state = "queued"
		draw(this)
		pump()
	}

	retry() {
		if (this.active) {
			this.upload.retry()
		} else {
			this.resume()
		}
	}

	// cancel says that it is gone when the gateway has said so. It may be too late.
	async cancel() {
		if (this.leaving) {
			this.upload.retry()
			return
		}
		this.leaving = true
		this.upload ??= new Upload({ url: this.url, changed: upload => this.changed(upload) })
		await this.upload.cancel()
		this.leaving = false
		if (this.state == "done") {
			note(say("too-late", { name: this.name }))
			return
		}
		const refused = this.state == "failed"
		if (refused) { // for good; the gateway takes it away by itself when nothing more comes
			note(say("not-removed", { name: this.name, problem: this.upload.problem }))
		}
		memory.remove(this.key)
		const focused = this.row.contains(document.activeElement) || document.activeElement == document.body
		const next = this.row.nextElementSibling ?? this.row.previousElementSibling
		items.delete(this.key)
		this.row.remove()
		section.hidden = items.size == 0
		if (focused) {
			(next?.querySelector("button:not([hidden])") ?? form.querySelector("input")).focus()
		}
		if (!refused) {
			announce(say("cancelled", { name: this.name }))
		}
		pump()
	}
}

// buttons are what can be done in each state.
const buttons = {
	queued: ["cancel"], sending: ["pause", "cancel"], paused: ["resume", "cancel"], retrying: ["retry", "pause", "cancel"],
	"signed-out": ["retry", "cancel"], cancelling: [], lost: ["cancel"], unreadable: ["cancel"], failed: ["retry", "cancel"], done: [],
}

// Rows are drawn a few times a second, however often they change.
const changed = new Set()
let drawing = 0

function draw(item) {
	changed.add(item)
	drawing ||= setTimeout(() => {
		drawing = 0
		changed.forEach(render)
		changed.clear()
		for (const item of items.values()) {
			if (item.active) {
				draw(item) // time goes by, also when nothing else does
			}
		}
	}, 250)
}

function render(item) {
	if (!items.has(item.key)) {
		return
	}
	item.row.dataset.state = item.state
	const bar = item.part("bar")
	bar.max = Math.max(1, item.size)
	bar.value = item.state == "done" ? bar.max : item.sent
	bar.hidden = ["done", "failed", "unreadable"].includes(item.state)
	item.part("size").textContent = bytes(item.size)
	item.part("state").textContent = item.sentence()
	item.part("state").hidden = item.part("result").hasChildNodes()
	item.part("sign-in").hidden = item.state != "signed-out"
	for (const button of item.row.querySelectorAll("[data-do]")) {
		button.hidden = !buttons[item.state]?.includes(button.dataset.do)
	}
	summary()
}

function summary() {
	const all = [...items.values()]
	const done = all.filter(item => item.state == "done").length
	document.getElementById("upload-summary").textContent = all.length ? say("summary", { done, all: all.length }) : ""
}

function announce(text) {
	status.textContent = text
}

// pump starts what has its turn.
function pump() {
	const all = [...items.values()]
	let free = parallel - all.filter(item => item.active).length
	for (const item of all) {
		if (free > 0 && item.state == "queued" && item.upload) {
			free--
			item.state = "sending"
			item.upload.start()
		}
	}
}

// add takes files in. What the gateway has of one already is not sent again.
async function add(files) {
	const twice = []
	for (const { file, name } of files) {
		const key = memory.key(name, file)
		const known = items.get(key)
		if (known && known.state != "lost" && known.state != "unreadable") {
			twice.push(name)
			continue
		}
		const item = known ?? new Item(key, name, file.size)
		item.give(file, (await memory.get(key))?.url)
	}
	note(twice.length ? say("twice", { names: twice.join(", ") }) : "")
}

// note tells what stands until there is something else to tell.
function note(text) {
	if (text) {
		announce(text)
	}
	const place = document.getElementById("upload-note")
	place.textContent = text
	place.hidden = text == ""
}

// remembered shows what was not finished.
async function remembered() {
	for (const entry of await memory.all()) {
		if (items.has(entry.key)) {
			continue
		}
		const there = await progress(entry.url)
		if (!there) {
			memory.remove(entry.key)
			continue
		}
		if (items.has(entry.key)) {
			continue
		}
		const item = new Item(entry.key, entry.name, entry.size)
		item.url = entry.url
		item.has = there.sent
		item.state = there.id ? "done" : "lost"
		if (there.id) { // its last answer never came here
			memory.remove(item.key)
			settle(item, there.id)
		}
		draw(item)
	}
}

// settle follows a file until it rests, and shows what is said about it.
function settle(item, id) {
	unsettled.set(id, item)
	announce(say("received", { name: item.name }))
	refresh()
	following ??= follow(form.dataset.events, refresh, new AbortController().signal)
}

let following, asking = false, again = false

async function refresh() {
	if (asking) {
		again = true
		return
	}
	if (unsettled.size == 0) {
		return
	}
	asking = true
	again = false
	try {
		const ids = [...unsettled.keys()].slice(0, 50)
		const fresh = await page(form.action + "?" + new URLSearchParams(ids.map(id => ["file", id])))
		ids.forEach(id => show(id, fresh.getElementById("file-" + id)))
		again ||= unsettled.size > ids.length
	} catch {
		// The next event, or the next time without one, asks again.
	}
	setTimeout(() => {
		asking = false
		if (again) {
			refresh()
		}
	}, 500)
}

function show(id, result) {
	const item = unsettled.get(id)
	if (!result || !item) {
		return
	}
	const rests = result.hasAttribute("data-rests")
	const place = item.part("result")
	if (place.firstElementChild) {
		replace(place.firstElementChild, result)
	} else {
		localTimes(result)
		place.append(document.adoptNode(result))
	}
	if (rests) {
		unsettled.delete(id)
		announce(`${item.name}: ${place.querySelector("[data-say]")?.textContent ?? ""}`)
	}
	render(item)
}

// busy reports whether leaving would cut something.
const busy = () => [...items.values()].some(item => item.active || item.state == "queued")

window.addEventListener("beforeunload", event => {
	if (busy()) {
		event.preventDefault()
	}
})

// Who comes back from signing in elsewhere finds it going on.
for (const [target, event] of [[window, "focus"], [document, "visibilitychange"]]) {
	target.addEventListener(event, () => {
		for (const item of items.values()) {
			if (item.state == "signed-out" && !document.hidden) {
				item.upload.retry()
			}
		}
	})
}

// Files may be dropped anywhere on the page: beside the field they would replace it.
let over = 0
const bringsFiles = event => event.dataTransfer?.types.includes("Files")
document.addEventListener("dragenter", event => {
	if (bringsFiles(event)) {
		over++
		form.classList.add("over")
	}
})
document.addEventListener("dragleave", event => {
	if (bringsFiles(event) && --over <= 0) {
		form.classList.remove("over")
	}
})
document.addEventListener("dragover", event => {
	if (bringsFiles(event)) {
		event.preventDefault()
		event.dataTransfer.dropEffect = "copy"
	}
})
document.addEventListener("drop", async event => {
	if (bringsFiles(event)) {
		event.preventDefault()
		over = 0
		form.classList.remove("over")
		add(await dropped(event.dataTransfer))
	}
})
for (const input of form.querySelectorAll("input[type=file]")) {
	input.addEventListener("change", () => {
		const files = picked(input)
		input.value = ""
		add(files)
	})
}
form.addEventListener("submit", event => event.preventDefault())
form.classList.add("scripted")
for (const element of document.querySelectorAll("[data-with-script]")) {
	element.hidden = false
}
for (const element of document.querySelectorAll("[data-without-script]")) {
	element.remove()
}
remembered()
