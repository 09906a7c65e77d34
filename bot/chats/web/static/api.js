// Talking to the server. Every failure becomes one sentence.

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { "X-Easel": "1", ...(options.headers || {}) } });
  } catch {
    throw new Error("Easel cannot be reached; is it still running?");
  }
  if (!response.ok) throw new Error((await response.text()).slice(0, 300) || `The server answered ${response.status}.`);
  return response.json();
}

const unique = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

export const threads = () => call("/api/threads").then((data) => data.threads);
export const newThread = () => call("/api/threads", { method: "POST" }).then((data) => data.id);
export const about = () => call("/api/about");

export function send(thread, text, files, repliesTo) {
  const form = new FormData();
  form.append("event", unique());
  form.append("text", text);
  if (repliesTo) form.append("replies_to", String(repliesTo));
  for (const file of files) form.append("file", file, file.name || "picture.png");
  return call(`/api/threads/${thread}/messages`, { method: "POST", body: form });
}

export function press(thread, action, details = {}) {
  return call(`/api/threads/${thread}/press`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ event: unique(), action, ...details }),
  });
}

/** Follow a thread; `on(message)` gets a snapshot at every (re)connection. Returns a function that stops it. */
export function follow(thread, on, onState) {
  let source, timer, stopped = false;
  const open = () => {
    source = new EventSource(`/api/threads/${thread}/events`);
    source.onopen = () => onState(true);
    source.onmessage = (event) => on(JSON.parse(event.data));
    source.onerror = () => {
      onState(false);
      // A stream that the browser has given up for good is opened again by us.
      if (source.readyState === EventSource.CLOSED && !stopped) timer = setTimeout(open, 1500);
    };
  };
  open();
  return () => { stopped = true; clearTimeout(timer); source.close(); };
}
