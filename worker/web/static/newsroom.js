// The wire: shows articles as the server sends them. Text goes into the page as text, never as markup.
import { localise } from "./times.js";

const MOST_SHOWN = 100;
const HIDDEN_FOR_MS = 60_000; // browsers allow few connections a site: a tab that nobody sees gives its one up
const TRY_AGAIN_MS = 10_000; // after an answer that ends an EventSource for good, such as "too many streams"

const wire = document.getElementById("wire");
const blank = document.getElementById("card");
const more = document.getElementById("more");
const pause = document.getElementById("pause");
const state = document.getElementById("state");
const said = document.getElementById("said");

let since = wire.dataset.since;
let source = null;
let waiting = []; // articles that arrived and are not in the page yet, oldest first
let paused = false;
let scheduled = false;
let hiddenTimer = 0;

// -- one article -------------------------------------------------------------------------------------------
function httpUrl(value) {
  try {
    const url = new URL(value);
    return url.protocol === "http:" || url.protocol === "https:" ? value : null;
  } catch {
    return null;
  }
}

function duration(ms) {
  if (ms === null) return "";
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

function link(href, text) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.rel = "noopener noreferrer";
  anchor.textContent = text;
  return anchor;
}

function published(value) {
  if (!value) return "";
  const time = document.createElement("time");
  time.className = "when";
  time.dateTime = value;
  time.textContent = value;
  return time;
}

function build(card) {
  const item = blank.content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`[data-f="${name}"]`);
  item.dataset.id = card.id;
  part("emitted").dateTime = card.emitted ?? "";
  part("took").textContent = duration(card.took_ms);
  part("source").textContent = card.source;
  part("section").textContent = card.section ?? "";
  part("language").textContent = card.language ?? "";
  part("kind").textContent = card.kind === "updated" ? "updated" : "";
  const href = httpUrl(card.url);
  part("headline").replaceChildren(href ? link(href, card.headline) : card.headline);
  part("summary").textContent = card.summary;
  for (const name of ["headline", "summary"]) if (card.language) part(name).lang = card.language;
  part("published").replaceChildren(published(card.published));
  part("words").textContent = `${card.word_count.toLocaleString()} words`;
  part("details").href = `/article/${encodeURIComponent(card.id)}`;
  part("details").setAttribute("aria-label", `Details of: ${card.headline}`);
  item.classList.add("new");
  localise(item);
  return item;
}

// -- the list ----------------------------------------------------------------------------------------------
function reading() {
  return window.scrollY > 160 || wire.contains(document.activeElement);
}

function tell(cards) {
  const last = cards.at(-1);
  said.textContent = cards.length === 1 ? `New: ${last.headline}, ${last.source}` : `${cards.length} new articles`;
}

function remove(id) {
  wire.querySelector(`[data-id="${CSS.escape(id)}"]`)?.remove();
}

function withdraw(id) {
  waiting = waiting.filter((card) => card.id !== id);
  if (!waiting.length) more.hidden = true;
  remove(id); // at once, also from a page that is paused
  document.getElementById("empty").hidden = wire.children.length > 0;
}

function flush() {
  const cards = [...new Map(waiting.map((card) => [card.id, card])).values()].slice(-MOST_SHOWN);
  waiting = [];
  more.hidden = true;
  for (const card of cards) {
    remove(card.id);
    wire.prepend(build(card));
  }
  while (wire.children.length > MOST_SHOWN) wire.lastElementChild.remove();
  document.getElementById("empty").hidden = wire.children.length > 0;
  if (cards.length) tell(cards);
}

function show() {
  scheduled = false;
  if (!waiting.length) return;
  if (!paused && !reading()) return flush();
  more.textContent = waiting.length === 1 ? "1 new article" : `${waiting.length.toLocaleString()} new articles`;
  more.hidden = false;
}

function arrive(card) {
  if (card.kind === "withdrawn") return withdraw(card.id);
  waiting.push(card);
  if (waiting.length > 10 * MOST_SHOWN) waiting = waiting.slice(-5 * MOST_SHOWN);
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(show); // a burst becomes one change of the page
}

// -- the stream --------------------------------------------------------------------------------------------
function say(name, text) {
  state.dataset.state = name;
  state.textContent = text;
}

function connect() {
  source = new EventSource(`${wire.dataset.events}?since=${encodeURIComponent(since)}`);
  source.onopen = () => say("live", "Live");
  source.onerror = () => {
    say("away", "Reconnecting…");
    if (source.readyState === EventSource.CLOSED) setTimeout(reconnect, TRY_AGAIN_MS);
  };
  source.addEventListener("article", (event) => {
    since = event.lastEventId;
    arrive(JSON.parse(event.data));
  });
  source.addEventListener("status", (event) => {
    for (const [name, value] of Object.entries(JSON.parse(event.data))) {
      const number = document.querySelector(`[data-total="${CSS.escape(name)}"]`);
      if (number) number.textContent = value.toLocaleString();
    }
  });
  for (const name of ["gap", "overtaken"]) source.addEventListener(name, () => location.reload());
}

function reconnect() {
  if (source.readyState === EventSource.CLOSED && !document.hidden) connect();
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (!document.hidden) return reconnect();
  hiddenTimer = setTimeout(() => {
    source.close();
    say("away", "Asleep");
  }, HIDDEN_FOR_MS);
});

more.addEventListener("click", () => {
  flush();
  window.scrollTo({ top: 0 });
  document.getElementById("main").focus({ preventScroll: true });
});

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Paused" : "Pause";
  if (!paused) flush();
});

window.addEventListener("scroll", () => { if (window.scrollY === 0 && !paused) flush(); }, { passive: true });

pause.hidden = false;
connect();
