// SPDX-License-Identifier: GPL-2.0-or-later
// Begins: asks what the client may do, for a token where that is needed, and then shows the views.
import { Api, ApiError, LostError } from "./api.js";
import { Changes } from "./changes.js";
import { byId, setText } from "./dom.js";
import { Events } from "./events.js";
import { clock } from "./format.js";
import { Polling } from "./polling.js";
import { changeView } from "./view_change.js";
import { explainView } from "./view_explain.js";
import { healthView } from "./view_health.js";
import { logView } from "./view_log.js";
import { overviewView } from "./view_overview.js";
import { rulesView } from "./view_rules.js";
import { sessionsView } from "./view_sessions.js";
import { setsView } from "./view_sets.js";

const api = new Api();
const events = new Events(api);
const app = { api, events, status: null, refresh: () => polling.now() };
app.changes = new Changes(app);
const views = new Map(
  [overviewView, sessionsView, rulesView, setsView, changeView, explainView, logView, healthView].map((make) => {
    const view = make(app);
    return [view.id, view];
  }),
);
let signedIn = false;
let lostSince = null;

function shownView() {
  return views.get(location.hash.slice(1)) ?? views.get("overview");
}

function showView() {
  const view = shownView();
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = signedIn ? section.id !== view.id : section.id !== "sign-in";
  }
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view.id}`) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  document.title = signedIn ? `nicsentry: ${byId(`${view.id}-title`).textContent}` : "nicsentry";
}

function showConnection(problem) {
  const state = byId("connection");
  if (problem === null) {
    lostSince = null;
    byId("lost").hidden = true;
  } else {
    lostSince ??= Date.now() / 1000;
    setText(byId("lost"), `No connection since ${clock(lostSince)}: ${problem.message}. What is shown is old; trying again.`);
    byId("lost").hidden = false;
  }
  state.classList.toggle("bad", problem !== null);
  setText(state, problem === null ? "live" : "no connection");
}

function askForToken(why) {
  signedIn = false;
  events.stop();
  api.useToken(null);
  byId("nav").hidden = true;
  byId("sign-out").hidden = true;
  setText(byId("role"), "");
  setText(byId("sign-in-error"), why);
  showView();
  byId("token").focus();
}

async function begin(withToken) {
  try {
    api.role = (await api.get("/api/v1/access")).role;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      showConnection(null);
      setText(byId("connection"), "a token is needed");
      askForToken(withToken ? "This token is not known here." : "");
    } else {
      showConnection(error);
      setTimeout(() => begin(withToken), 1000);
    }
    return;
  }
  document.body.classList.toggle("reader", api.role !== "admin");
  setText(byId("role"), api.role === "admin" ? "may change" : "may read");
  byId("sign-out").hidden = !withToken;
  byId("nav").hidden = false;
  signedIn = true;
  showConnection(null);
  showView();
  const version = await api.get("/api/v1/version").catch(() => null);
  if (version !== null) {
    setText(byId("run"), `version ${version.version}, ${location.host}`);
  }
  events.start();
  polling.now();
}

// One round: the state of the run, and the view that is shown.
async function look() {
  if (!signedIn) {
    return;
  }
  try {
    app.status = await api.get("/api/v1/status");
    app.changes.showWaiting(app.status.rules?.unconfirmed);
    await shownView().refresh();
    showConnection(null);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      askForToken("The token does not count any more.");
    } else if (error instanceof ApiError) {
      showConnection(null);
      setText(byId("lost"), `The run refused to answer: ${error.message}. What is shown may be old; trying again.`);
      byId("lost").hidden = false;
    } else {
      showConnection(error);
      if (!(error instanceof LostError)) {
        console.error(error);
      }
    }
  }
}

const polling = new Polling(look);

byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.useToken(byId("token").value.trim());
  byId("token").value = "";
  begin(true);
});
byId("sign-out").addEventListener("click", () => askForToken(""));
window.addEventListener("hashchange", () => {
  showView();
  byId("content").focus({ preventScroll: true });
  polling.now();
});
begin(false);
