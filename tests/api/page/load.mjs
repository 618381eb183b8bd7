// SPDX-License-Identifier: GPL-2.0-or-later
// Loads one of the page's files that import no other. By its text: Node takes `.js` without a package for CommonJS.
import { readFileSync } from "node:fs";

const FILES = new URL("../../../host/api/page/files/", import.meta.url);

export function load(name) {
  const text = readFileSync(new URL(name, FILES), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}
