// On every page. Scripts are comfort: every page does its work without them. They run
// under a policy that allows no markup from text (Trusted Types): nodes are cloned from
// templates of the page, or come out of documents that the gateway sent, and words that
// people read stand in the page, in the reader's language.
//
//	page.js     on every page: times become local, lists follow what happens
//	  time.js     <time> elements
//	  copy.js     copies what is shown this once
//	  live.js     fetches what has changed, and puts it where the old one stood
//	  events.js   follows the account's events (server-sent)
//	upload.js   the page that sends files
//	  tus.js      one upload: pieces, resume, patience
//	  memory.js   what was not finished, kept over restarts of the browser
//	  folders.js  the files of what was dropped
//	  words.js    texts and figures
//
// passkey.js and welcome.js belong to the pages of package signon.

import { copying } from "./copy.js"
import { watch } from "./live.js"
import { localTimes } from "./time.js"

localTimes(document)
copying(document)
watch()
