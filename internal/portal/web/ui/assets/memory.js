// What this browser remembers of uploads that are not finished, so that they go on
// after a reload, a crash or a night: where the gateway keeps them, and which file
// they are of. Not the file itself: a page may not open it again by itself, so its
// person shows it once more.
//
// IndexedDB, not localStorage: a record with strict durability is on the disk when
// it is said to be, also when the browser is killed the next moment.

export class Memory {
	#owner // whose uploads: nobody sees another's on the same machine

	constructor(owner) {
		this.#owner = owner
	}

	// key names a file as far as a page can know that it is the same one.
	key(name, file) {
		return JSON.stringify([this.#owner, name, file.size, file.lastModified])
	}

	async all() {
		const list = await run("readonly", store => store.getAll())
		return (list ?? []).filter(entry => entry.owner == this.#owner)
	}

	get(key) {
		return run("readonly", store => store.get(key))
	}

	put(key, name, file, url) {
		const entry = { key, owner: this.#owner, name, size: file.size, lastModified: file.lastModified, url }
		return run("readwrite", store => store.put(entry))
	}

	remove(key) {
		return run("readwrite", store => store.delete(key))
	}
}

let database

function open() {
	database ??= new Promise((resolve, reject) => {
		const request = indexedDB.open("sealgate-uploads", 1)
		request.onupgradeneeded = () => request.result.createObjectStore("uploads", { keyPath: "key" })
		request.onsuccess = () => resolve(request.result)
		request.onerror = () => reject(request.error)
	})
	return database
}

// run does one thing. A browser that keeps nothing (some private windows) only means
// that uploads do not outlive the page.
async function run(mode, act) {
	try {
		const transaction = (await open()).transaction("uploads", mode, { durability: "strict" })
		const request = act(transaction.objectStore("uploads"))
		await new Promise((resolve, reject) => {
			transaction.oncomplete = resolve
			transaction.onabort = () => reject(transaction.error)
		})
		return request.result
	} catch (error) {
		console.warn("uploads are not remembered:", error)
		return undefined
	}
}
