// SPDX-License-Identifier: GPL-2.0-or-later
// Does a task again and again, one at a time, and not while the page is hidden.

const PAUSE_MS = 1000;

export class Polling {
  #task;
  #timer = null;
  #running = false;
  #again = false;

  // `task` catches its own errors.
  constructor(task) {
    this.#task = task;
    document.addEventListener("visibilitychange", () => this.now());
  }

  // At once; after the one that runs, if one does.
  async now() {
    clearTimeout(this.#timer);
    if (this.#running) {
      this.#again = true;
      return;
    }
    if (document.hidden) {
      return;
    }
    this.#running = true;
    const began = performance.now();
    await this.#task();
    this.#running = false;
    const rest = this.#again ? 0 : Math.max(200, PAUSE_MS - (performance.now() - began));
    this.#again = false;
    this.#timer = setTimeout(() => this.now(), rest);
  }
}
