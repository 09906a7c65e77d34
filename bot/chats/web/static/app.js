// Wires the page together: which thread is open, what comes in, what the buttons do.
import * as api from "./api.js";
import { BoardView } from "./board.js";
import { Brainstorm } from "./brainstorm.js";
import { Compare } from "./compare.js";
import { Composer } from "./composer.js";
import { editDialog, showAnswer } from "./dialogs.js";
import { $, el, toast } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Board } from "./messages.js";
import { SharingSwitch, join, showMe, stranger } from "./people.js";
import { ThreadMenu } from "./threads.js";
import { drawTree } from "./tree.js";
import { Viewer } from "./viewer.js";

let thread = null, stopFollowing = () => {};
const board = new Board($("turns"), $("log"), act);
const viewer = new Viewer(board, act);
const pinned = new BoardView(() => thread, () => showBoard(false));
const brainstorm = new Brainstorm(() => thread, run);
const compare = new Compare(board);
const menu = new ThreadMenu(() => thread, board);
const sharing = new SharingSwitch(() => thread);
const gallery = new Gallery(() => thread, (id, number) => { gallery.close(); open(id, true, number); }, backToThread);
const narrow = matchMedia("(max-width: 1080px)");

/** The picture at which a thread is to be opened, until it is there. */
let meant = null;

function open(id, push = true, number = null) {
  stopFollowing();
  pinned.leave();
  thread = id;
  meant = number;
  board.reset();
  if (push) history.pushState(null, "", `/t/${id}`);
  stopFollowing = api.follow(id, receive, (connected) => { $("connection").hidden = connected; });
  closePanel("threads-panel");
  composer.enter(id);
  // Where fingers type, the focus would bring up the keyboard over the conversation.
  if (matchMedia("(pointer: fine)").matches) composer.text.focus({ preventScroll: true });
  refreshThreads();
  refresh();
}

function receive(message) {
  if (message.type === "snapshot") {
    if (board.complete) refreshThreads();
    board.snapshot(message);
    if (meant !== null) requestAnimationFrame(() => requestAnimationFrame(reveal));
    sharing.show(message);
  }
  else if (message.type === "sharing") sharing.show(message);
  else if (message.type === "title") refreshThreads();
  else if (message.type === "deleted") return deleted();
  else if (message.type === "said") board.heard(message);
  else if (message.type === "stored") board.stored(message.event, message.turn);
  else if (message.type === "reply") { board.reply(message.turn); if (message.turn.final) refreshThreads(); }
  else if (message.type === "redrawn") board.redrawn(message.turn);
  else if (message.type === "mine") board.mine(message);
  else if (message.type === "pictures") board.pushed(message);
  else if (message.type === "answer") answered(message);
  else if (message.type === "notice") toast(message.sentence, composer.giveBack(message.event) ? "error" : "info");
  pinned.heard(message);
  refresh();
}

function reveal() {
  const card = board.cards.get(meant);
  if (!card && meant !== null) toast(`Picture #${meant} is not on this page of the thread.`);
  meant = null;
  card?.reveal();
}

function picture() { return Number(location.hash.match(/^#picture-(\d{1,9})$/)?.[1]) || null; }

function showGallery(search = "") {
  if (!gallery.open) history.pushState(null, "", "/gallery");
  closePanel("threads-panel");
  gallery.show(search);
}

/** The gallery was closed: the address is the thread's again. */
function backToThread() {
  if (location.pathname !== "/gallery") return;
  if (thread) history.replaceState(null, "", `/t/${thread}`);
}

/** The open thread is there no more: what stands in the box goes along into a new one. */
async function deleted() {
  stopFollowing();
  const begun = composer.take();
  toast("This thread was deleted.", "info");
  await fresh(true);
  composer.give(begun);
}

/** Show the thread as a board, or the conversation again. */
function showBoard(yes, push = true) {
  if (push && yes !== pinned.open) history.pushState(null, "", `/t/${thread}${yes ? "/board" : ""}`);
  if (yes) pinned.enter();
  else { pinned.leave(); board.down(); }
}

/** Which thread the address means, and whether its board. */
function place() {
  const [, id, view] = location.pathname.match(/^\/t\/([\w-]+)(\/board)?$/) || [];
  return { id, asBoard: Boolean(view) };
}

/** What a command answered. After one that deletes, nothing of it may stay in sight. */
function answered(message) {
  if (message.command === "forget") open(thread, false);
  if (message.search !== undefined) return showGallery(message.search);
  if (message.command === "board" && !message.files.length) return showBoard(true);
  showAnswer(`/${message.command}`, message);
}

function refresh() {
  $("welcome").hidden = !board.complete || board.turns.size > 0;
  $("stop").hidden = !board.growing.length;
  menu.refresh();
  const pictures = [...board.pictures.values()];
  drawTree($("tree"), pictures, board.current, (number) => {
    if (narrow.matches) closePanel("tree-panel");
    board.cards.get(number)?.reveal();
  });
}

const PAGE = 100;
let listed = PAGE, asking = 0, typing;

async function refreshThreads() {
  const asked = { q: $("search").value.trim(), limit: listed, here: thread }, turn = ++asking;
  let found;
  try { found = await api.threads(asked); } catch (error) { if (error.status === 401) location.reload(); return; }
  if (turn !== asking) return; // somebody has typed on
  const { threads: rows, here } = found;
  menu.show(here);
  $("more-threads").hidden = !found.more;
  $("no-threads").hidden = Boolean(rows.length) || !asked.q;
  $("title").textContent = here?.title || "New thread";
  document.title = here?.title ? `${here.title} · Easel` : "Easel";
  $("threads").replaceChildren(...rows.map((row) => el("li", {}, el("a", {
    href: `/t/${row.id}`, "aria-current": row.id === thread ? "page" : null,
    onclick: (event) => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); open(row.id); } },
  }, el("b", {}, row.title || "Untitled"), el("small", {}, `${row.pictures} ${row.pictures === 1 ? "picture" : "pictures"} · ${when(row.updated)}`)))));
}

function when(iso) {
  const date = new Date(iso), today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : date.toLocaleDateString([], { day: "numeric", month: "short" });
}

async function act(action, part) {
  if (action.startsWith("round-")) {
    if (["round-next", "round-finish"].includes(action)) board.down();
    return brainstorm.press(action.slice("round-".length), part);
  }
  if (action === "view") return viewer.open(part);
  if (action === "talk") return composer.talkAbout(part.number);
  if (action === "edit") return editDialog(part, (details) => run("edit", part, details));
  if (action === "compare") return compareWith(part);
  if (action === "delete" && !confirm(`Delete picture #${part.number} for everybody?`)) return undefined;
  if (action === "report" && !confirm(`Report picture #${part.number} to the moderators?`)) return undefined;
  return run(action, part);
}

/** With its parent, else with the picture before it; any other two can be chosen then. */
function compareWith(part) {
  const others = [...board.pictures.keys()].filter((number) => number !== part.number);
  const other = part.parents.find((number) => others.includes(number)) ?? others.filter((number) => number < part.number).pop() ?? others[0];
  if (other === undefined) return toast("There is no other picture in this thread to compare it with.");
  return compare.open(other, part.number);
}

async function run(action, part, details = {}) {
  try {
    const answer = await api.press(thread, action, { picture: part.number, slot: part.slot, ...details });
    if (action === "recipe") showAnswer(`Recipe of #${part.number}`, answer);
    else if (action === "state") showAnswer("How the round stands", answer);
    else if (answer.text) toast(answer.text, "info");
  } catch (error) { toast(error.message); }
}

async function stop() {
  try {
    const answer = await api.press(thread, "stop");
    if (answer.text) toast(answer.text, "info");
  } catch (error) { toast(error.message); }
}

function closePanel(id) {
  if (id === "tree-panel") { $("app").classList.remove("with-tree"); $("open-tree").setAttribute("aria-expanded", "false"); remember(false); }
  else $(id).classList.remove("open");
  $("shade").hidden = true;
}

function openTree(yes) {
  $("app").classList.toggle("with-tree", yes);
  $("open-tree").setAttribute("aria-expanded", String(yes));
  $("shade").hidden = !(yes && narrow.matches);
  remember(yes);
}

function remember(yes) { try { localStorage.setItem("tree", yes ? "1" : "0"); } catch { /* private windows may forbid it */ } }
function remembered() { try { return localStorage.getItem("tree") !== "0"; } catch { return true; } }

/** `instead`: nothing leads back to the one before. */
async function fresh(instead = false) {
  try {
    const id = await api.newThread();
    if (instead) history.replaceState(null, "", `/t/${id}`);
    open(id, !instead);
    $("message").focus();
  } catch (error) { toast(error.message); }
}

// Whoever is quicker than the page's start has their words sent once there is a thread for them.
const composer = new Composer(20, async (to, event, text, files, about) => { await started; return api.send(to || thread, event, text, files, about); });

$("new-thread").addEventListener("click", () => fresh());
$("open-gallery").addEventListener("click", (event) => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); showGallery(); } });
$("search").addEventListener("input", () => { listed = PAGE; clearTimeout(typing); typing = setTimeout(refreshThreads, 200); });
$("more-threads").addEventListener("click", () => { listed += PAGE; refreshThreads(); });
$("latest").addEventListener("click", () => { board.down(); composer.text.focus({ preventScroll: true }); });
$("stop").addEventListener("click", stop);
$("open-tree").addEventListener("click", () => openTree(!$("app").classList.contains("with-tree")));
$("open-threads").addEventListener("click", () => { $("threads-panel").classList.add("open"); $("shade").hidden = false; $("new-thread").focus(); });
$("shade").addEventListener("click", () => { closePanel("threads-panel"); closePanel("tree-panel"); });
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => closePanel(button.dataset.close));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("shade").hidden) { closePanel("threads-panel"); if (narrow.matches) closePanel("tree-panel"); }
});
addEventListener("popstate", () => {
  if (location.pathname === "/gallery") return gallery.show(new URLSearchParams(location.search).get("q") || "");
  if (gallery.open) gallery.close();
  const { id, asBoard } = place();
  if (id && (id !== thread || picture())) open(id, false, picture());
  if (id) showBoard(asBoard, false);
});
for (const button of document.querySelectorAll("[data-board]")) button.addEventListener("click", () => showBoard(true));

async function start() {
  if (location.pathname === "/join" && location.hash) return join(location.hash.slice(1));
  try { menu.know(showMe(await api.me(), menu)); } catch (error) { return error.status === 401 ? stranger(error.message) : toast(error.message); }
  if (!narrow.matches && remembered()) openTree(true);
  api.about().then((data) => {
    $("about").replaceChildren(...data.lines.map((line) => el("p", {}, line)));
    composer.completion.commands = data.commands;
    brainstorm.know(data.commands);
    gallery.styles = data.styles;
    menu.learn(data);
    composer.limit = data.max_upload_mb * 2 ** 20;
    $("ideas").replaceChildren(...data.ideas.map((idea) => el("button", { type: "button", onclick: () => composer.fill(idea) }, idea)));
  }).catch((error) => toast(error.message));
  const { id, asBoard } = place();
  if (id) { open(id, false, picture()); return showBoard(asBoard, false); }
  const looking = location.pathname === "/gallery" ? new URLSearchParams(location.search).get("q") || "" : null;
  const rows = (await api.threads().catch(() => ({ threads: [] }))).threads;
  if (looking !== null && rows.length) { open(rows[0].id, false); return gallery.show(looking); }
  if (rows.length) { history.replaceState(null, "", `/t/${rows[0].id}`); return open(rows[0].id, false); }
  await fresh();
  if (looking !== null) showGallery(looking);
  return undefined;
}

const started = start();
