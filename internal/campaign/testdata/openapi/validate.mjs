// Is FILE a valid OpenAPI document? NODE_PATH is not for modules of this kind, so the
// directory of the packages is given.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, file] = process.argv.slice(2);
const found = createRequire(modules + "/").resolve("@seriousme/openapi-schema-validator");
const { Validator } = await import(pathToFileURL(found));
const validator = new Validator();
const result = await validator.validate(JSON.parse(readFileSync(file, "utf8")));
if (!result.valid) {
  console.error(JSON.stringify(result.errors, null, 1));
  process.exit(1);
}
console.log("valid", validator.version);
