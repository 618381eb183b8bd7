// SPDX-License-Identifier: GPL-2.0-or-later
// Requests to the run. The token is in this object only: neither stored nor part of an address.

const PATIENCE_MS = 4000;

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    this.isLockOut = problem.type === "urn:nicsentry:problem:lock-out";
  }
}

// The run did not answer: it has ended, stands still, or cannot be reached.
export class LostError extends Error {}

export class Api {
  #token = null;
  role = null;

  useToken(token) {
    this.#token = token;
  }

  #headers(more) {
    return this.#token === null ? { ...more } : { ...more, Authorization: `Bearer ${this.#token}` };
  }

  // The answer, after its header has come.
  async open(path, { method = "GET", body, headers = {}, signal } = {}) {
    const options = { method, headers: this.#headers(headers), signal, cache: "no-store", credentials: "omit" };
    if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers["Content-Type"] = "application/json";
    }
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      throw new LostError(`the run does not answer (${error.message})`);
    }
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      throw new ApiError(response.status, problem);
    }
    return response;
  }

  // {json, tag}
  async ask(path, options = {}) {
    const response = await this.open(path, { signal: AbortSignal.timeout(PATIENCE_MS), ...options });
    try {
      return { json: await response.json(), tag: response.headers.get("ETag") };
    } catch (error) {
      throw new LostError(`the run's answer broke off (${error.message})`);
    }
  }

  async get(path) {
    return (await this.ask(path)).json;
  }

  async send(method, path, body, headers = {}) {
    return (await this.ask(path, { method, body, headers })).json;
  }
}

// "?a=1&b=2" of what is neither empty nor missing.
export function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
