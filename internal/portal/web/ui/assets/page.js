// On every page.

import { watch } from "./live.js"
import { localTimes } from "./time.js"

localTimes(document)
watch()
