// What is shown this once is copied by a button, which only stands there when it can.

// copying shows the buttons of a page.
export function copying(page) {
	if (!navigator.clipboard) return
	for (const button of page.querySelectorAll(".secret button")) {
		button.hidden = false
		button.addEventListener("click", async () => {
			await navigator.clipboard.writeText(button.closest(".secret").querySelector("code").textContent)
			button.querySelector("span").textContent = button.dataset.done
		})
	}
}
