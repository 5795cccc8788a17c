// The files of what was dropped or picked, each with its name below the folder that
// was. What operating systems leave in folders is not sent.

const litter = new Set([".ds_store", "thumbs.db", "desktop.ini", ".localized"])

// named pairs a file with the name that it is sent under. Macs take letters apart
// (NFD); the gateway takes them together only.
function named(file, path) {
	return { file, name: (path || file.name).replace(/^\/+/, "").normalize("NFC") }
}

const wanted = ({ name }) => !litter.has(name.slice(name.lastIndexOf("/") + 1).toLowerCase())

// picked are the files of a file field.
export function picked(input) {
	return [...input.files].map(file => named(file, file.webkitRelativePath)).filter(wanted)
}

// dropped are the files of a drop, and of the folders in it.
export async function dropped(transfer) {
	// All entries are asked for before anything is waited for: after the event they
	// are gone.
	const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean)
	if (entries.length == 0) {
		return [...transfer.files].map(file => named(file)).filter(wanted)
	}
	const found = []
	for (const entry of entries) {
		await walk(entry, found)
	}
	return found.filter(wanted)
}

async function walk(entry, found) {
	if (entry.isFile) {
		found.push(named(await new Promise((resolve, reject) => entry.file(resolve, reject)), entry.fullPath))
		return
	}
	const reader = entry.createReader()
	for (;;) { // a reader gives a hundred at a time
		const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
		if (some.length == 0) {
			return
		}
		for (const child of some) {
			await walk(child, found)
		}
	}
}
