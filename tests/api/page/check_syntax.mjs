// SPDX-License-Identifier: GPL-2.0-or-later
// Each of the page's scripts is a module that can be parsed, imports only files that are there and names that they export,
// and makes no markup of text.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const FILES = new URL("../../../host/api/page/files/", import.meta.url);
const BUILT = readFileSync(new URL("../CMakeLists.txt", FILES), "utf8");
const FORBIDDEN = /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|localStorage|sessionStorage)\b/;
const faults = [];
const names = readdirSync(FILES);
const text = (name) => readFileSync(new URL(name, FILES), "utf8");
for (const name of names) {
  if (!BUILT.includes(`  ${name}\n`) && !BUILT.includes(`  ${name})`)) {
    faults.push(`${name}: is not in host/api/page/CMakeLists.txt`);
  }
}
for (const name of names.filter((one) => one.endsWith(".js"))) {
  const source = text(name);
  const parsed = spawnSync(process.execPath, ["--input-type=module", "--check"], { input: source, encoding: "utf8" });
  if (parsed.status !== 0) {
    faults.push(`${name}: ${parsed.stderr}`);
  }
  const word = FORBIDDEN.exec(source);
  if (word !== null) {
    faults.push(`${name}: has ${word[0]}`);
  }
  for (const [, imported, from] of source.matchAll(/^import \{([^}]*)\} from "\.\/([^"]+)"/gm)) {
    const exported = names.includes(from) ? text(from) : "";
    for (const one of imported.split(",").map((part) => part.trim()).filter((part) => part !== "")) {
      if (!new RegExp(`^export (async )?(function|const|class) ${one}\\b`, "m").test(exported)) {
        faults.push(`${name}: ${from} exports no ${one}`);
      } else if (source.split(new RegExp(`\\b${one}\\b`)).length < 3) {
        faults.push(`${name}: ${one} is imported, and not used`);
      }
    }
  }
}
console.error(faults.join("\n"));
process.exit(faults.length === 0 ? 0 : 1);
