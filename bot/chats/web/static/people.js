// Who is who: coming in by an invitation, one's own name, who sees a thread.
import * as api from "./api.js";
import { $, el, toast } from "./dom.js";

const SHARING = { private: "Only me", link: "Whoever has the link", house: "Everybody here" };

// There is nothing behind this dialog yet: it stays until somebody has come in.
for (const leaving of ["cancel", "close"]) $("join-dialog").addEventListener(leaving, (event) => { event.preventDefault(); if (!$("join-dialog").open) $("join-dialog").showModal(); });

/** Nobody is signed in: say how to come in. */
export function stranger(sentence) {
  $("app").inert = true;
  $("join-title").textContent = "Come in";
  $("join-text").textContent = sentence;
  $("join-form").hidden = true;
  $("join-dialog").showModal();
}

/** Open an invitation: ask for a name, sign in, go to the page. */
export async function join(token) {
  const dialog = $("join-dialog"), form = $("join-form"), name = $("join-name");
  // The link is a key: it does not stay in the address bar and the history.
  history.replaceState(null, "", "/join");
  let invitation;
  try { invitation = await api.invitation(token); } catch (error) { return stranger(error.message); }
  $("app").inert = true;
  $("join-title").textContent = "You are invited";
  $("join-text").textContent = invitation.asks_name
    ? `You come in as ${invitation.role}. Your threads are yours alone until you share them.`
    : "This signs you in here, too.";
  name.value = invitation.name;
  $("join-name-row").hidden = !invitation.asks_name;
  form.onsubmit = async (event) => {
    event.preventDefault();
    $("join-problem").textContent = "";
    try { await api.join(token, name.value); location.replace("/"); } catch (error) { $("join-problem").textContent = error.message; name.focus(); }
  };
  dialog.showModal();
  name.focus();
  return undefined;
}

/** One's own name at the foot of the list of threads, and what one can do there. */
export function showMe(me, menu) {
  const signed = me.login !== "none", naming = $("me-name-form"), name = $("me-name-box");
  const called = (word) => { $("me-name").textContent = $("me-title").textContent = name.value = word; };
  $("me").hidden = false;
  called(me.name);
  $("me-role").textContent = signed ? me.role : me.admin ? "host" : "guest";
  $("me-open").addEventListener("click", () => { $("me-told").replaceChildren(); $("me-dialog").showModal(); });
  naming.hidden = me.named;
  naming.onsubmit = async (event) => {
    event.preventDefault();
    $("me-problem").textContent = "";
    try { called((await api.callMe(name.value)).name); toast(`Others see you as ${name.value} from now on.`, "info"); } catch (error) { $("me-problem").textContent = error.message; name.focus(); }
  };
  $("me-usage").addEventListener("click", () => { $("me-dialog").close(); menu.give("usage"); });
  $("me-device").hidden = $("me-out").hidden = me.login !== "invitation";
  $("me-device").addEventListener("click", device);
  $("me-out").addEventListener("click", () => leave(api.signOut));
  $("me-forget").hidden = !me.can_forget;
  $("me-forget").addEventListener("click", () => {
    const goes = signed ? " Your name goes too: to come back you need a new invitation." : "";
    if (confirm(`Delete all your messages and pictures, for good?${goes}`)) leave(api.forgetMe);
  });
  return me;
}

async function device() {
  try {
    const made = await api.deviceLink();
    const link = el("input", { type: "text", readonly: true, value: location.origin + made.path, "aria-label": "Link", onfocus: () => link.select() });
    $("me-told").replaceChildren(el("p", {}, `Open this in your other browser within ${made.minutes} minutes. It signs in as you, once.`), link);
    link.focus();
  } catch (error) { toast(error.message); }
}

async function leave(go) {
  try { await go(); location.replace("/"); } catch (error) { toast(error.message); }
}

/** Who sees the open thread: a switch for its maker, a word for others. */
export class SharingSwitch {
  constructor(thread) {
    this.thread = thread;
    this.select = $("sharing");
    this.select.replaceChildren(...Object.entries(SHARING).map(([value, label]) => el("option", { value }, label)));
    this.select.addEventListener("change", () => this.change());
  }

  /** `message` is a snapshot, or a change while the thread is open. */
  show(message) {
    if (message.type === "snapshot") { this.mine = message.mine; this.select.parentElement.hidden = message.sharing === undefined; }
    if (message.sharing === undefined) return;
    this.sharing = this.select.value = message.sharing;
    this.select.disabled = !this.mine;
  }

  async change() {
    const before = this.sharing;
    try {
      const told = await api.share(this.thread(), this.select.value);
      this.sharing = told.sharing;
      if (told.sharing === "link") toast("Whoever is signed in and has this page's address sees the thread now.", "info");
    } catch (error) { this.select.value = before; toast(error.message); }
  }
}
