// Talking to the server. Every failure becomes one sentence.

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { "X-Easel": "1", ...(options.headers || {}) } });
  } catch {
    throw new Error("Easel cannot be reached; is it still running?");
  }
  if (!response.ok) {
    const error = new Error((await response.text()).slice(0, 300) || `The server answered ${response.status}.`);
    throw Object.assign(error, { status: response.status });
  }
  return response.json();
}

export const unique = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/** The list of threads: `{threads, more, here}`; `here` is the row of the open one, listed or not. */
export const threads = (words = {}) => call(`/api/threads?${new URLSearchParams(words)}`);
/** A page of the gallery: `{hung, older, sentence}`; `here` is the thread that `in:here` means. */
export const gallery = (search, here) => call(`/api/gallery?${new URLSearchParams({ q: search, ...(here ? { here } : {}) })}`);
export const newThread = () => call("/api/threads", { method: "POST" }).then((data) => data.id);
const post = (path, data = {}) => call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) });

export const me = () => call("/api/me");
export const invitation = (token) => post("/api/invitation", { token });
export const join = (token, name) => post("/api/join", { token, name });
export const signOut = () => post("/api/me/sign-out");
export const forgetMe = () => post("/api/me/forget", { confirm: "yes" });
export const deviceLink = () => post("/api/me/link");
export const share = (thread, sharing) => post(`/api/threads/${thread}/sharing`, { sharing });
export const rename = (thread, title) => post(`/api/threads/${thread}/title`, { title });
export const deleteThread = (thread) => post(`/api/threads/${thread}/delete`, { confirm: "yes" });
/** Give a command by a button: `{text, files, private}`. */
export const command = (thread, name, values = {}) => post(`/api/threads/${thread}/command`, { name, arguments: values });
export const callMe = (name) => post("/api/me/name", { name });
export const shares = (thread) => call(`/api/threads/${thread}/shares`);
/** A thread's board: `{cards}` as they were put; `alike` finds out which of them look alike. */
export const board = (thread, alike = false) => call(`/api/threads/${thread}/board${alike ? "?alike" : ""}`);
export const arrange = (thread, number, before) => post(`/api/threads/${thread}/board`, { number, before });
export const about = () => call("/api/about");

/** Send a message under a name of its own (`event`), by which notices about it tell that they mean it. */
export function send(thread, event, text, files, repliesTo) {
  const form = new FormData();
  form.append("event", event);
  form.append("text", text);
  if (repliesTo) form.append("replies_to", String(repliesTo));
  for (const file of files) form.append("file", file, file.name || "picture.png");
  return call(`/api/threads/${thread}/messages`, { method: "POST", body: form });
}

export function press(thread, action, details = {}) {
  return post(`/api/threads/${thread}/press`, { event: unique(), action, ...details });
}

/** Follow a thread; `on(message)` gets a snapshot at every (re)connection. Returns a function that stops it.
 *
 * Browsers keep six connections to a host for all tabs together: a tab that nobody sees gives its own back.
 */
export function follow(thread, on, onState) {
  let source = null, timer, wait = 1500;
  const open = () => {
    source = new EventSource(`/api/threads/${thread}/events`);
    source.onopen = () => { wait = 1500; onState(true); };
    source.onmessage = (event) => on(JSON.parse(event.data));
    source.onerror = () => {
      onState(false);
      // A stream that the browser has given up for good is opened again by us.
      if (source?.readyState === EventSource.CLOSED) { timer = setTimeout(open, wait); wait = Math.min(2 * wait, 30000); }
    };
  };
  const close = () => { clearTimeout(timer); source?.close(); source = null; };
  const look = () => { if (document.hidden) close(); else if (!source) open(); };
  document.addEventListener("visibilitychange", look);
  look();
  return () => { document.removeEventListener("visibilitychange", look); close(); };
}
