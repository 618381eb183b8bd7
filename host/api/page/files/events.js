// SPDX-License-Identifier: GPL-2.0-or-later
// The run's events. EventSource sends no header Authorization, so they are read from an answer's stream.
import { EventParser } from "./sse.js";

const PAUSE_MS = 2000;

export class Events {
  #api;
  #readers = [];
  #controller = null;

  constructor(api) {
    this.#api = api;
  }

  // `reader(name, data)` for each event; {connected: bool} comes as the event "stream".
  subscribe(reader) {
    this.#readers.push(reader);
  }

  #tell(name, data) {
    for (const reader of this.#readers) {
      reader(name, data);
    }
  }

  start() {
    this.stop();
    this.#controller = new AbortController();
    this.#run(this.#controller.signal);
  }

  stop() {
    this.#controller?.abort();
    this.#controller = null;
  }

  async #run(signal) {
    while (!signal.aborted) {
      try {
        const response = await this.#api.open("/api/v1/events", { signal });
        this.#tell("stream", { connected: true });
        await this.#read(response.body.pipeThrough(new TextDecoderStream()).getReader());
      } catch {
        // The polling says that the run does not answer.
      }
      if (!signal.aborted) {
        this.#tell("stream", { connected: false });
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async #read(reader) {
    const parser = new EventParser();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      for (const event of parser.take(value)) {
        let data;
        try {
          data = JSON.parse(event.data);
        } catch {
          continue;
        }
        this.#tell(event.name, data);
      }
    }
  }
}
