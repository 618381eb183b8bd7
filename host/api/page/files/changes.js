// SPDX-License-Identifier: GPL-2.0-or-later
// Changes of the run: asks where one would cut off the host, says what was done, and can undo the last one.
import { ApiError, query } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { duration } from "./format.js";

export function errorText(error) {
  const more = error instanceof ApiError && error.errors.length > 1 ? error.errors : [];
  return [more.length > 0 ? "" : error.message, ...more].filter((line) => line !== "").join("\n");
}

export class Changes {
  #app;
  #undo = null;

  constructor(app) {
    this.#app = app;
    byId("undo").addEventListener("click", () => this.#undoLast());
    byId("said-close").addEventListener("click", () => this.#hide());
    byId("confirm").addEventListener("click", () => this.#settle("confirm", ({ confirmed }) => `kept: ${confirmed}`));
    byId("revert").addEventListener("click", () => this.#settle("revert", ({ reverted }) => `taken back: ${reverted}`));
  }

  // Does what `request` says: {method, path, body, terms, headers}. Null where the user left it. Throws ApiError, LostError.
  async make(request) {
    const { method, path, body, terms = {}, headers } = request;
    try {
      return await this.#app.api.send(method, path + query(terms), body, headers);
    } catch (error) {
      if (!(error instanceof ApiError && error.isLockOut) || terms.yes !== undefined) {
        throw error;
      }
      return (await this.#askLockOut(error)) ? this.make({ ...request, terms: { ...terms, yes: "true" } }) : null;
    }
  }

  // Says what was done. `undo`: does the opposite, and returns what to say then; null: it cannot be undone.
  say(text, undo = null) {
    this.#undo = undo;
    setText(byId("said-text"), text);
    byId("undo").hidden = undo === null;
    byId("said").hidden = false;
    this.#app.refresh();
  }

  showWaiting(unconfirmed) {
    byId("waiting").hidden = unconfirmed === undefined;
    if (unconfirmed !== undefined) {
      setText(byId("waiting-text"), `Waits to be confirmed: ${unconfirmed.what}. Taken back in ${duration(unconfirmed.seconds)}.`);
    }
  }

  #hide() {
    byId("said").hidden = true;
    byId("content").focus({ preventScroll: true });
  }

  async #settle(what, textOf) {
    try {
      const done = await this.#app.api.send("POST", `/api/v1/rules/${what}`, {});
      this.say(textOf(done), what === "confirm" ? this.#undo : null);
    } catch (error) {
      this.say(errorText(error));
    }
  }

  async #undoLast() {
    const undo = this.#undo;
    this.#undo = null;
    try {
      this.say(await undo());
    } catch (error) {
      this.say(`Not undone: ${errorText(error)}`);
    }
  }

  #askLockOut(error) {
    const dialog = byId("lock-out");
    setText(byId("lock-out-text"), error.message);
    byId("lock-out-list").replaceChildren(...error.errors.map((line) => element("li", {}, line)));
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }
}
