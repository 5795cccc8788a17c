// Sends a file by tus-js-client, goes on after every break, and prints the id of
// the file that it became. A second run goes on where the first one ended.
'use strict';

const fs = require('fs');
const tus = require('tus-js-client');

const [endpoint, file, memory, chunk, dieAt] = process.argv.slice(2);

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  headers: { Authorization: 'Bearer acme' },
  metadata: { filename: 'from-node.xml', relativePath: 'x' },
  chunkSize: Number(chunk) || Infinity,
  retryDelays: Array(200).fill(100),
  urlStorage: new tus.FileUrlStorage(memory),
  removeFingerprintOnSuccess: true,
  onProgress(sent) {
    if (Number(dieAt) && sent >= Number(dieAt)) process.exit(7);
  },
  onAfterResponse(req, res) {
    const id = res.getHeader('Sealgate-File-Id');
    if (id && req.getMethod() === 'PATCH') console.log(id);
  },
  onError(err) {
    console.error(String(err));
    process.exit(1);
  },
});

upload.findPreviousUploads().then((before) => {
  if (before.length) upload.resumeFromPreviousUpload(before[0]);
  upload.start();
});
