// SPDX-License-Identifier: GPL-2.0-or-later
// Server-sent events out of a stream of text (WHATWG HTML, 9.2.6).

export class EventParser {
  #rest = "";
  #name = "message";
  #data = [];

  // The events that this text completes: [{name, data}].
  take(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) {
          events.push({ name: this.#name, data: this.#data.join("\n") });
        }
        this.#name = "message";
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") {
        this.#name = value;
      } else if (field === "data") {
        this.#data.push(value);
      }
    }
    return events;
  }
}
