// An example of a client: it sends a payment file, waits until the gateway has read
// it, and prints what became of it. All shapes come from the API's description.
import createClient from "openapi-fetch";
import type { paths } from "./api";

const [origin, token, name] = process.argv.slice(2);
let content = "";
for await (const piece of process.stdin) content += piece;

const api = createClient<paths>({
  baseUrl: origin + "/api/v1",
  headers: { Authorization: "Bearer " + token },
});

const sent = await api.PUT("/files/{id}", {
  params: { path: { id: name } },
  body: content,
  bodySerializer: (text) => text,
  headers: { "Content-Type": "application/octet-stream" },
});
if (sent.error) throw new Error(sent.error.type + ": " + sent.error.detail);

const file = await api.GET("/files/{id}/wait", {
  params: { path: { id: sent.data.id }, query: { until: "rest", timeout: 30 } },
});
if (file.error) throw new Error(file.error.type + ": " + file.error.detail);
console.log(JSON.stringify({ id: file.data.id, state: file.data.state, payments: file.data.payment_count }));

// What is wrong with a request is a problem with a stable type.
const wrong = await api.GET("/files/{id}", { params: { path: { id: "00000000-0000-7000-8000-000000000000" } } });
if (wrong.error?.type !== "urn:sealgate:problem:not-found") throw new Error("a file that is not there: " + JSON.stringify(wrong));
